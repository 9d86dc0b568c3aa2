// What the kernel says about a process.
import { readdirSync, readFileSync } from 'node:fs';

/** Memory that only this process has and has written, in bytes: heap, stacks, data. */
export function privateDirty(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Private_Dirty:\s+(\d+) kB/m.exec(text)[1]) * 1024;
}

export function residentBytes(pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

export const openDescriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length;
