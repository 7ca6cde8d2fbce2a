#include "spawn_devices.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cleanup.h"

/* A program of the cgroup's (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE) is asked for each use: type and access, major, minor. */
enum { CONTEXT = BPF_REG_1, TYPE = BPF_REG_2, ACCESS = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5, RESULT = BPF_REG_0 };
enum { ANY = -1, NODES = 9 };

static const struct {
	int major, minor;
} usual[NODES] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}, {136, ANY}};

/* Two for each node, at most, and its answer; the head and the two ends. */
enum { PROGRAM_MAX = 16 + 4 * NODES };

struct program {
	struct bpf_insn list[PROGRAM_MAX];
	int size;
};

static void add(struct program *program, uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t value)
{
	program->list[program->size++] = (struct bpf_insn){.code = code, .dst_reg = to & 15, .src_reg = from & 15, .off = offset, .imm = value};
}

static void add_load(struct program *program, uint8_t to, size_t offset) { add(program, BPF_LDX | BPF_MEM | BPF_W, to, CONTEXT, (int16_t)offset, 0); }
static void add_skip_unless(struct program *program, uint8_t what, int value, int16_t count) { add(program, BPF_JMP | BPF_JNE | BPF_K, what, 0, count, value); }

static void add_answer(struct program *program, int allowed)
{
	add(program, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, allowed);
	add(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void compose(struct program *program)
{
	add_load(program, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	add_load(program, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	add_load(program, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	add(program, BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
	add(program, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
	add(program, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
	add_skip_unless(program, ACCESS, BPF_DEVCG_ACC_MKNOD, 2);
	add_answer(program, 1);
	/* What follows is of character devices. */
	add(program, BPF_JMP | BPF_JEQ | BPF_K, TYPE, 0, 2, BPF_DEVCG_DEV_CHAR);
	add_answer(program, 0);
	for (int i = 0; i < NODES; i++) {
		add_skip_unless(program, MAJOR, usual[i].major, usual[i].minor == ANY ? 2 : 3);
		if (usual[i].minor != ANY)
			add_skip_unless(program, MINOR, usual[i].minor, 2);
		add_answer(program, 1);
	}
	add_answer(program, 0);
}

static int bpf(int command, union bpf_attr *attributes) { return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes); }

int spawn_devices_restrict(const char *directory, bool all, struct error *err)
{
	struct program program = {.size = 0};
	cleanup_close int cgroup = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		return fail(err, "start", errno, "cgroup %s", directory);
	if (all) {
		/* None is there in a new one. */
		union bpf_attr detach = {.target_fd = (uint32_t)cgroup, .attach_type = BPF_CGROUP_DEVICE};
		return bpf(BPF_PROG_DETACH, &detach) < 0 && errno != ENOENT ? fail(err, "start", errno, "freeing the devices of %s", directory) : 0;
	}
	compose(&program);
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insns = (uintptr_t)program.list, .insn_cnt = (uint32_t)program.size, .license = (uintptr_t) "",
	};
	cleanup_close int loaded = bpf(BPF_PROG_LOAD, &load);
	if (loaded < 0)
		return fail(err, "start", errno, "a program for devices");
	union bpf_attr attach = {.target_fd = (uint32_t)cgroup, .attach_bpf_fd = (uint32_t)loaded, .attach_type = BPF_CGROUP_DEVICE};
	return bpf(BPF_PROG_ATTACH, &attach) < 0 ? fail(err, "start", errno, "restricting the devices of %s", directory) : 0;
}
