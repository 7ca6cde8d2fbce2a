const names: Readonly<Partial<Record<NodeJS.Architecture, string>>> = { x64: 'amd64', ia32: '386' };

/** This machine's architecture as image configurations call it (Go's GOARCH). */
export const machineArchitecture: string = names[process.arch] ?? process.arch;
