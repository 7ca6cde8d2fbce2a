/**
 * The default seccomp profile: what Docker documents as its default ("Seccomp security profiles for Docker"). Every known system call
 * is allowed but those below; some of them come back with a capability. A call that is not known is answered ENOSYS-like by EPERM.
 */
import { systemCalls } from './system-calls.ts';

export interface ArgumentRule {
  readonly index: number;
  readonly op: 'eq' | 'ne' | 'masked-eq';
  readonly value: number;
  /** For masked-eq: (argument & mask) == value. */
  readonly mask?: number;
}

export interface SystemCallRule {
  readonly names: readonly string[];
  readonly errno?: number; // answered with this error instead of being allowed
  /** All must hold. */
  readonly args?: readonly ArgumentRule[];
}

export interface SeccompProfile {
  readonly defaultErrno: number;
  readonly rules: readonly SystemCallRule[];
}

const EPERM = 1;
const ENOSYS = 38;
const AF_VSOCK = 40;
/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET */
const NAMESPACE_FLAGS = 0x7e02_0000;

/** Refused whatever the capabilities: obsolete, or outside namespaces. */
const NEVER = words(`
  afs_syscall create_module epoll_ctl_old epoll_wait_old get_kernel_syms getpmsg io_uring_enter io_uring_register io_uring_setup nfsservctl
  putpmsg query_module security sysfs _sysctl tuxcall uselib userfaultfd ustat vserver add_key request_key keyctl move_pages migrate_pages kexec_file_load kexec_load
  swapon swapoff
`);

/** Refused unless the container has the capability. */
const GATED: ReadonlyArray<readonly [capability: string, names: readonly string[]]> = [
  ['CAP_DAC_READ_SEARCH', words('open_by_handle_at')],
  [
    'CAP_SYS_ADMIN',
    words(`
      bpf fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd
      setdomainname sethostname setns syslog umount2 unshare
    `),
  ],
  ['CAP_SYS_BOOT', words('reboot')],
  ['CAP_SYS_CHROOT', words('chroot')],
  ['CAP_SYS_MODULE', words('delete_module init_module finit_module')],
  ['CAP_SYS_PACCT', words('acct')],
  ['CAP_SYS_PTRACE', words('kcmp pidfd_getfd process_madvise')],
  ['CAP_SYS_RAWIO', words('iopl ioperm')],
  ['CAP_SYS_TIME', words('settimeofday clock_settime clock_adjtime adjtimex')],
  ['CAP_SYS_TTY_CONFIG', words('vhangup')],
  ['CAP_SYS_NICE', words('get_mempolicy mbind set_mempolicy set_mempolicy_home_node')],
  ['CAP_SYSLOG', words('syslog')],
  ['CAP_BPF', words('bpf')],
  ['CAP_PERFMON', words('perf_event_open')],
];

/** adjtimex only reads the clock for those without CAP_SYS_TIME, so it is no gate: Docker allows it to everybody. */
const ALWAYS = new Set(words('adjtimex clock_adjtime'));

const CONDITIONAL = new Set(['personality', 'socket', 'clone', 'clone3', 'pivot_root']);

export function defaultProfile(capabilities: readonly string[]): SeccompProfile {
  const held = new Set(capabilities);
  const refused = new Set<string>(NEVER);
  for (const [, names] of GATED) for (const name of names) if (!ALWAYS.has(name)) refused.add(name);
  for (const [capability, names] of GATED) {
    if (held.has(capability)) for (const name of names) refused.delete(name);
  }
  const allowed = [...systemCalls.keys()].filter((name) => !refused.has(name) && !CONDITIONAL.has(name));
  const admin = held.has('CAP_SYS_ADMIN');
  return {
    defaultErrno: EPERM,
    rules: [
      { names: allowed },
      ...[0x0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff].map((value) => ({
        names: ['personality'],
        args: [{ index: 0, op: 'eq' as const, value }],
      })),
      { names: ['socket'], args: [{ index: 0, op: 'ne', value: AF_VSOCK }] },
      ...(admin
        ? [{ names: ['clone', 'clone3'] }]
        : [
            { names: ['clone'], args: [{ index: 0, op: 'masked-eq' as const, mask: NAMESPACE_FLAGS, value: 0 }] },
            // Its flags are behind a pointer that a filter cannot follow: libc falls back to clone.
            { names: ['clone3'], errno: ENOSYS },
          ]),
    ],
  };
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
