import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveCapabilities } from '../capabilities.ts';
import { defaultProfile } from './profile.ts';
import { systemCalls } from './system-calls.ts';

/** Whether a call is allowed whatever its arguments. */
function allows(capabilities: readonly string[], name: string): boolean {
  return defaultProfile(capabilities).rules.some(
    (rule) => rule.names.includes(name) && rule.args === undefined && rule.errno === undefined,
  );
}

const DEFAULT = resolveCapabilities({ privileged: false, add: [], drop: [] });

test('the numbers of system calls are those of x86-64', () => {
  const known: ReadonlyArray<readonly [string, number]> = [
    ['read', 0],
    ['clone', 56],
    ['execve', 59],
    ['ptrace', 101],
    ['pivot_root', 155],
    ['mount', 165],
    ['gettid', 186],
    ['openat', 257],
    ['seccomp', 317],
    ['getrandom', 318],
    ['rseq', 334],
    ['pidfd_send_signal', 424],
    ['clone3', 435],
    ['set_mempolicy_home_node', 450],
  ];
  for (const [name, number] of known) assert.equal(systemCalls.get(name), number, name);
  assert.equal(new Set(systemCalls.values()).size, systemCalls.size);
});

test('what an ordinary program needs is allowed without any capability', () => {
  const needed =
    'read write openat execve futex mmap ptrace process_vm_readv statx getrandom rseq faccessat2 close_range epoll_pwait2 adjtimex';
  for (const name of needed.split(' ')) assert.ok(allows([], name), name);
});

test('what Docker refuses to everybody is refused with every capability too', () => {
  const refused =
    'add_key keyctl request_key kexec_load kexec_file_load userfaultfd io_uring_setup swapon move_pages pivot_root nfsservctl';
  for (const name of refused.split(' ')) assert.ok(!allows([...DEFAULT, 'CAP_SYS_ADMIN', 'CAP_SYS_BOOT'], name), name);
});

test('what comes with a capability comes with no other', () => {
  const gates: ReadonlyArray<readonly [capability: string, calls: string]> = [
    ['CAP_SYS_ADMIN', 'mount umount2 setns unshare sethostname fsopen bpf perf_event_open syslog quotactl'],
    ['CAP_SYS_CHROOT', 'chroot'],
    ['CAP_SYS_PTRACE', 'kcmp pidfd_getfd process_madvise'],
    ['CAP_SYS_MODULE', 'init_module finit_module delete_module'],
    ['CAP_SYS_BOOT', 'reboot'],
    ['CAP_SYS_TIME', 'settimeofday clock_settime'],
    ['CAP_SYS_NICE', 'mbind set_mempolicy get_mempolicy'],
    ['CAP_SYS_RAWIO', 'iopl ioperm'],
    ['CAP_SYS_PACCT', 'acct'],
    ['CAP_SYS_TTY_CONFIG', 'vhangup'],
    ['CAP_DAC_READ_SEARCH', 'open_by_handle_at'],
    ['CAP_SYSLOG', 'syslog'],
    ['CAP_BPF', 'bpf'],
    ['CAP_PERFMON', 'perf_event_open'],
  ];
  for (const [capability, calls] of gates) {
    for (const name of calls.split(' ')) {
      const keys = gates.filter(([, all]) => all.split(' ').includes(name)).map(([key]) => key);
      assert.ok(allows([capability], name), `${name} with ${capability}`);
      const others = gates.map(([key]) => key).filter((key) => !keys.includes(key));
      assert.ok(!allows(others, name), `${name} without ${keys.join()}`);
    }
  }
});

test('new namespaces need CAP_SYS_ADMIN, a thread does not; clone3 is answered so that libc falls back', () => {
  const without = defaultProfile(DEFAULT).rules;
  assert.deepEqual(without.find((rule) => rule.names.includes('clone'))?.args, [
    { index: 0, op: 'masked-eq', mask: 0x7e02_0000, value: 0 },
  ]);
  assert.equal(without.find((rule) => rule.names.includes('clone3'))?.errno, 38);
  assert.ok(allows(['CAP_SYS_ADMIN'], 'clone') && allows(['CAP_SYS_ADMIN'], 'clone3'));
});
