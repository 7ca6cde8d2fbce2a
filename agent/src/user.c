#include "user.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cleanup.h"
#include "operations.h"
#include "paths.h"

enum { MAX_FILE = 4 << 20 };
static const int64_t MAX_ID = 2147483647;

struct text {
	const char *at;
	size_t size;
};

static int text_is(struct text text, const char *string, size_t size) { return text.size == size && memcmp(text.at, string, size) == 0; }

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Cuts what stands before the separator off *rest; false when nothing is left. */
static int text_cut(struct text *rest, char separator, struct text *part)
{
	if (!rest->at)
		return 0;
	const char *end = memchr(rest->at, separator, rest->size);
	*part = (struct text){rest->at, end ? (size_t)(end - rest->at) : rest->size};
	*rest = end ? (struct text){end + 1, rest->size - part->size - 1} : (struct text){NULL, 0};
	return 1;
}

/* Cuts a line into its fields; those that it does not have are empty. */
static int next_entry(struct text *file, struct text *fields, size_t count)
{
	struct text line;
	if (!text_cut(file, '\n', &line))
		return 0;
	while (line.size && is_space(line.at[line.size - 1]))
		line.size--;
	while (line.size && is_space(*line.at))
		line = (struct text){line.at + 1, line.size - 1};
	for (size_t i = 0; i < count; i++)
		if (!text_cut(&line, ':', &fields[i]))
			fields[i] = (struct text){"", 0};
	return 1;
}

/* A decimal number with an optional sign: what Docker takes for an id rather than for a name. */
static int read_integer(struct text text, int64_t *number)
{
	int negative = text.size && *text.at == '-';
	if (text.size && (*text.at == '-' || *text.at == '+'))
		text = (struct text){text.at + 1, text.size - 1};
	if (text.size == 0 || text.size > 18)
		return 0;
	*number = 0;
	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return 0;
		*number = *number * 10 + (text.at[i] - '0');
	}
	if (negative)
		*number = -*number;
	return 1;
}

static int read_id(struct text text, int64_t *id) { return read_integer(text, id) && *id >= 0 && *id <= MAX_ID; }

static int out_of_range(struct error *err) { return fail(err, "invalid", 0, "uids and gids must be in range 0-2147483647"); }

/* A file of the image as a whole; one that is missing, or no regular file, has no entries. The caller frees file->at. */
static int read_file(int root_fd, const char *path, struct text *file, struct error *err)
{
	*file = (struct text){NULL, 0};
	cleanup_close int fd = path_open_in(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat info;
	if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size == 0)
		return 0;
	if (info.st_size > MAX_FILE)
		return fail(err, "invalid", 0, "%s of the image is larger than 4 MiB", path);
	cleanup_free char *data = malloc((size_t)info.st_size);
	if (!data)
		return fail(err, "system", ENOMEM, "reading %s", path);
	size_t size = 0;
	while (size < (size_t)info.st_size) {
		ssize_t count = read(fd, data + size, (size_t)info.st_size - size);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return fail(err, "system", errno, "reading %s", path);
		if (count == 0)
			break;
		size += (size_t)count;
	}
	*file = (struct text){STEAL_POINTER(data), size};
	return 0;
}

static int add_group(struct resolved_user *out, gid_t gid, struct error *err)
{
	for (size_t i = 0; i < out->group_count; i++)
		if (out->groups[i] == gid)
			return 0;
	if (out->group_count == sizeof out->groups / sizeof *out->groups)
		return fail(err, "invalid", 0, "more than %zu groups", out->group_count);
	out->groups[out->group_count++] = gid;
	return 0;
}

/* Fills uid, gid and home; *name is that of the entry, empty when there is none. */
static int find_user(struct text passwd, struct text wanted, struct resolved_user *out, struct text *name, struct error *err)
{
	enum { NAME, PASSWORD, UID, GID, COMMENT, HOME, COUNT };
	struct text entry[COUNT];
	int64_t wanted_uid = 0, uid, gid;
	int numeric = wanted.size == 0 || read_integer(wanted, &wanted_uid);
	*name = (struct text){"", 0};
	while (next_entry(&passwd, entry, COUNT)) {
		gid = 0;
		if (!read_id(entry[UID], &uid) || (entry[GID].size && !read_id(entry[GID], &gid)))
			continue;
		if (numeric ? uid != wanted_uid : !text_is(entry[NAME], wanted.at, wanted.size))
			continue;
		if (entry[HOME].size >= sizeof out->home || memchr(entry[HOME].at, 0, entry[HOME].size))
			return fail(err, "invalid", 0, "the home directory of user %.*s is no usable path", (int)wanted.size, wanted.at);
		out->uid = (uid_t)uid;
		out->gid = (gid_t)gid;
		if (entry[HOME].size) {
			memcpy(out->home, entry[HOME].at, entry[HOME].size);
			out->home[entry[HOME].size] = 0;
		}
		*name = entry[NAME];
		return 0;
	}
	if (!numeric)
		return fail(err, "invalid", 0, "unable to find user %.*s: no matching entries in passwd file", (int)wanted.size, wanted.at);
	if (wanted_uid < 0 || wanted_uid > MAX_ID)
		return out_of_range(err);
	out->uid = (uid_t)wanted_uid;
	return 0;
}

/* A group by name or number; a number needs no entry. */
static int find_group(struct text file, struct text wanted, gid_t *found, struct error *err)
{
	enum { NAME, PASSWORD, GID, COUNT };
	struct text entry[COUNT];
	int64_t wanted_gid, gid;
	int numeric = read_integer(wanted, &wanted_gid);
	while (!numeric && next_entry(&file, entry, COUNT)) {
		if (!read_id(entry[GID], &gid) || !text_is(entry[NAME], wanted.at, wanted.size))
			continue;
		*found = (gid_t)gid;
		return 0;
	}
	if (!numeric)
		return fail(err, "invalid", 0, "unable to find group %.*s: no matching entries in group file", (int)wanted.size, wanted.at);
	if (wanted_gid < 0 || wanted_gid > MAX_ID)
		return out_of_range(err);
	*found = (gid_t)wanted_gid;
	return 0;
}

/* The groups whose list of members names the user. */
static int add_memberships(struct text file, struct text user, struct resolved_user *out, struct error *err)
{
	enum { NAME, PASSWORD, GID, MEMBERS, COUNT };
	struct text entry[COUNT], member;
	int64_t gid;
	while (next_entry(&file, entry, COUNT)) {
		if (!read_id(entry[GID], &gid))
			continue;
		while (text_cut(&entry[MEMBERS], ',', &member))
			if (text_is(member, user.at, user.size) && add_group(out, (gid_t)gid, err) < 0)
				return -1;
	}
	return 0;
}

static int resolve(struct text passwd, struct text group, const char *user, char *const *group_add, struct resolved_user *out, struct error *err)
{
	struct text spec = {user, strlen(user)}, wanted_user = {"", 0}, wanted_group = {"", 0}, name;
	if (text_cut(&spec, ':', &wanted_user))
		(void)text_cut(&spec, ':', &wanted_group);
	*out = (struct resolved_user){.home = "/"};
	if (find_user(passwd, wanted_user, out, &name, err) < 0)
		return -1;
	if (wanted_group.size && find_group(group, wanted_group, &out->gid, err) < 0)
		return -1;
	(void)add_group(out, out->gid, err);
	if (!wanted_group.size && name.size && add_memberships(group, name, out, err) < 0)
		return -1;
	for (; group_add && *group_add; group_add++) {
		gid_t gid;
		if (find_group(group, (struct text){*group_add, strlen(*group_add)}, &gid, err) < 0 || add_group(out, gid, err) < 0)
			return -1;
	}
	return 0;
}

int user_resolve(int root_fd, const char *user, char *const *group_add, struct resolved_user *out, struct error *err)
{
	struct text passwd = {NULL, 0}, group = {NULL, 0};
	int result = -1;
	if (read_file(root_fd, "etc/passwd", &passwd, err) == 0 && read_file(root_fd, "etc/group", &group, err) == 0)
		result = resolve(passwd, group, user, group_add, out, err);
	free((void *)passwd.at);
	free((void *)group.at);
	return result;
}

int operation_resolve_user(struct fields request, struct builder *answer, struct error *err)
{
	cleanup_free char *root = fields_string(request, TAG_ROOT), *user = fields_string(request, TAG_USER);
	cleanup_free char **group_add = fields_strings(request, TAG_GROUP_ADD);
	struct resolved_user resolved;
	if (!root || !group_add || (!user && fields_get(request, TAG_USER).data))
		return fail(err, "invalid", 0, "RESOLVE_USER needs ROOT, and text in USER and GROUP_ADD");
	cleanup_close int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return fail(err, "system", errno, "open %s", root);
	if (user_resolve(root_fd, user ? user : "", group_add, &resolved, err) < 0)
		return -1;
	builder_number(answer, TAG_UID, resolved.uid);
	builder_number(answer, TAG_GID, resolved.gid);
	for (size_t i = 0; i < resolved.group_count; i++)
		builder_number(answer, TAG_GROUP, resolved.groups[i]);
	builder_string(answer, TAG_HOME, resolved.home);
	return 0;
}
