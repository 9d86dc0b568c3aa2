// Starts the binary, watches its lines, and ends it again.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after } from 'node:test';

const root = fileURLToPath(new URL('../../', import.meta.url));

/// What is tested. The scripts say which build; alone, a test takes the debug build.
export const binary = process.env.SLUICE_BIN ?? path.join(root, 'build/debug/bin/sluice');
assert.ok(existsSync(binary), `${binary} is not there: make build, or set SLUICE_BIN`);

/// For starting up and for shutting down; a build with sanitizers on a busy machine is slow.
const kPatience = 30_000;

/// Nothing of the caller's environment reaches the binary but what programs need to run.
function environment(extra) {
  const kept = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (['PATH', 'HOME', 'TMPDIR'].includes(name) || name.endsWith('SAN_OPTIONS'))
      kept[name] = value;
  }
  return { ...kept, ...extra };
}

/// A promise that fails with `what` when it takes longer than `ms`.
export function within(promise, ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/// A folder that goes when the test, or the file, that asked for it ends.
export function temporaryFolder() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-test-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/// The lines of a stream as they come, and those that came before.
class Lines {
  constructor(stream) {
    this.seen = [];
    this.waiting = new Set();
    this.rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      const lines = (this.rest + text).split('\n');
      this.rest = lines.pop();
      for (const line of lines) this.take(line);
    });
    stream.on('end', () => {
      if (this.rest !== '') this.take(this.rest);
      this.ended = true;
      for (const each of this.waiting) each.fail(new Error('the output ended'));
    });
  }

  take(line) {
    this.seen.push(line);
    for (const each of this.waiting) each.look(line);
  }

  get text() {
    return this.seen.join('\n') + '\n' + this.rest;
  }

  /// The first line, of those seen from number `from` on or still to come, that `wanted` accepts.
  first(wanted, { from = 0, ms = kPatience } = {}) {
    const test = wanted instanceof RegExp ? (line) => wanted.test(line) : wanted;
    const found = this.seen.slice(from).find(test);
    if (found !== undefined) return Promise.resolve(found);
    if (this.ended) return Promise.reject(new Error(`the output ended without ${wanted}`));
    const waiter = {};
    const line = new Promise((resolve, reject) => {
      waiter.look = (candidate) => test(candidate) && resolve(candidate);
      waiter.fail = reject;
    });
    this.waiting.add(waiter);
    return within(line, ms, `a line with ${wanted}`).finally(() => this.waiting.delete(waiter));
  }
}

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/// A running `sluice`. What still runs when the test, or the file, that started it ends is ended
/// then, and has to end well.
export class Sluice {
  constructor(args, { env = {}, cwd } = {}) {
    this.child = spawn(binary, args, {
      env: environment(env),
      cwd: cwd ?? os.tmpdir(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // A test that fails leaves it running; that must not keep the whole file from ending.
    for (const handle of [this.child, this.child.stdout, this.child.stderr]) handle.unref();
    running.add(this.child);
    this.stdout = new Lines(this.child.stdout);
    this.stderr = new Lines(this.child.stderr);
    this.exited = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => resolve({ code, signal }));
    });
    this.exited.catch(() => {});
    this.running = true;
    const ended = () => {
      this.running = false;
      running.delete(this.child);
    };
    this.exited.then(ended, ended);
    after(() => this.stop());
  }

  get pid() {
    return this.child.pid;
  }

  kill(signal) {
    assert.ok(this.running, 'the process has ended already');
    this.child.kill(signal);
  }

  /// Waits for the line that says that it accepts connections; returns the port in it.
  async listening(pattern) {
    const first = this.stdout.first(() => true);
    const gone = this.exited.then(({ code }) => {
      throw new Error(`sluice ended with ${code} at once: ${this.stderr.text}${this.stdout.text}`);
    });
    const line = await Promise.race([first, gone]);
    const match = pattern.exec(line);
    assert.ok(match, `unexpected first line: ${line}`);
    return Number(match[1]);
  }

  async end(ms = kPatience) {
    try {
      return await within(this.exited, ms, 'the end of the process');
    } catch (error) {
      this.child.kill('SIGKILL');
      throw error;
    }
  }

  /// SIGTERM, and the exit that has to follow. Harmless when it was stopped before.
  async stop() {
    if (this.stopped) return;
    this.stopped = true;
    if (this.running) this.child.kill('SIGTERM');
    const { code, signal } = await this.end();
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, this.stderr.text);
  }

  /// For tests that end it themselves, and say how.
  expectEnd() {
    this.stopped = true;
    return this.end();
  }

  /// Resident memory now, in bytes.
  async resident() {
    const { readFile } = await import('node:fs/promises');
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
  }
}

/// Runs a command that ends by itself.
export async function run(args, options = {}) {
  const process_ = new Sluice(args, options);
  const { code, signal } = await process_.expectEnd();
  return {
    code,
    signal,
    stdout: process_.stdout.text,
    stderr: process_.stderr.text,
  };
}

/// Writes a configuration; JSON is YAML, too.
export function writeConfig(file, config) {
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config, null, 1));
  return file;
}
