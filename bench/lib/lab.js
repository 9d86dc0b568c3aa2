// A temporary folder and the processes that run in it. Whatever happens, both are gone at the end.
import { execFileSync, spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const KEY = 'sk-bench-0123456789';
const here = new URL('..', import.meta.url).pathname;

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function listening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => socket.destroy(resolve(true)));
    socket.once('error', () => resolve(false));
  });
}

/** A process of ours; its output goes to a file in the lab. */
class Child {
  constructor(name, process, log) {
    this.name = name;
    this.process = process;
    this.pid = process.pid;
    this.log = log;
    this.ended = new Promise((resolve) => {
      process.once('exit', (code, signal) => resolve(signal ?? code));
      process.once('error', (error) => resolve(error.message));
    });
    this.running = true;
    this.ended.then(() => { this.running = false; });
  }

  tail() {
    return readFileSync(this.log, 'utf8').split('\n').slice(-15).join('\n');
  }

  async stop() {
    for (const signal of ['SIGTERM', 'SIGTERM', 'SIGKILL']) {
      if (!this.running) return;
      this.process.kill(signal);
      await Promise.race([this.ended, sleep(3000, null, { ref: false })]);
    }
  }
}

export class Lab {
  /** `models` are those that have a price. */
  constructor(binary, nginx = '/usr/sbin/nginx', models = []) {
    this.binary = binary;
    this.models = models;
    this.nginx = nginx;
    this.dir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
    this.children = new Set();
    this.count = 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.once(signal, () => this.close().finally(() => process.exit(130)));
    }
  }

  async close() {
    await Promise.all([...this.children].map((child) => child.stop()));
    rmSync(this.dir, { recursive: true, force: true });
  }

  spawn(name, command, args) {
    const log = join(this.dir, `${name}-${++this.count}.log`);
    const file = createWriteStream(log);
    // The log exists from the start, so that whoever reads it need not ask.
    writeFileSync(log, '');
    const child = spawn(command, args, { cwd: this.dir, stdio: ['ignore', 'pipe', 'pipe'] });
    const ours = new Child(name, child, log);
    child.stdout.pipe(file, { end: false });
    child.stderr.pipe(file, { end: false });
    this.children.add(ours);
    ours.ended.then(() => { this.children.delete(ours); file.end(); });
    return ours;
  }

  /** Resolves with the first match of `pattern` in what the process prints on stdout. */
  async printed(child, pattern) {
    const seen = new Promise((resolve) => {
      let text = '';
      const look = (data) => {
        text += data;
        const match = pattern.exec(text);
        if (!match) return;
        child.process.stdout.off('data', look);
        resolve(match);
      };
      child.process.stdout.on('data', look);
    });
    const match = await Promise.race([seen, child.ended.then(() => null), sleep(10_000, null, { ref: false })]);
    if (!match) throw new Error(`${child.name} did not start:\n${child.tail()}`);
    return match;
  }

  render(template, name, values) {
    const text = readFileSync(join(here, template), 'utf8')
      .replace(/@([A-Z_]+)@/g, (_, key) => {
        if (!(key in values)) throw new Error(`${template}: no value for @${key}@`);
        return values[key];
      });
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }

  async startMock() {
    const child = this.spawn('mock', this.binary, ['mock', '--port', '0', '--threads', '1']);
    const [, port] = await this.printed(child, /Scripted upstream on :(\d+)/);
    return { child, pid: child.pid, port: Number(port), url: `http://127.0.0.1:${port}` };
  }

  /** `port`: one that another gateway may have already. `idle`: kept upstream connections. */
  async startSluice(upstreamPort, { port, idle = 1000 } = {}) {
    port ??= await freePort();
    const name = `gateway-${this.count}`;
    const models = this.models
      .map((model) => `{ name: ${model}, input: "2.50", output: "10.00", cache_read: "1.25" }`)
      .join(', ');
    const config = this.render('gateway.yaml.in', `${name}.yaml`, {
      PORT: port, DIR: join(this.dir, name), UPSTREAM_PORT: upstreamPort, KEY, IDLE: idle, MODELS: models,
    });
    execFileSync(this.binary, ['wallet', 'top-up', 'bench', '1000000', '--reason', 'bench', '--config', config],
      { stdio: 'ignore' });
    const child = this.spawn('sluice', this.binary, ['serve', '--config', config]);
    await this.printed(child, /Starting server on/);
    return { child, pid: child.pid, port, url: `http://127.0.0.1:${port}` };
  }

  async startNginx(upstreamPort) {
    const port = await freePort();
    const descriptors = descriptorLimit();
    const config = this.render('nginx.conf.in', 'nginx.conf', {
      PORT: port,
      DIR: this.dir,
      UPSTREAM_PORT: upstreamPort,
      DESCRIPTORS: descriptors,
      CONNECTIONS: descriptors - 100,
      // Workers of a master that is root would give up root, and with it the temporary folder.
      USER: process.getuid() === 0 ? 'user root;' : '',
    });
    const child = this.spawn('nginx', this.nginx,
      ['-p', this.dir, '-e', join(this.dir, 'nginx-error.log'), '-c', config]);
    for (let tries = 0; !(await listening(port)); ++tries) {
      if (!child.running || tries > 200) throw new Error(`nginx did not start:\n${child.tail()}`);
      await sleep(25);
    }
    let pid;
    for (let tries = 0; !pid && tries < 200; ++tries) {
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
      pid = Number(children.split(' ')[0]) || undefined;
      if (!pid) await sleep(25);
    }
    if (!pid) throw new Error('nginx has no worker');
    return { child, pid, port, url: `http://127.0.0.1:${port}` };
  }

  /** Runs `sluice bench --json`; `during` is called after `after` milliseconds of it. */
  async bench(args, { during, after = 0, limit = 120_000 } = {}) {
    const child = spawn(this.binary, ['bench', '--json', '--key', KEY, ...args.map(String)],
      { cwd: this.dir, stdio: ['ignore', 'pipe', 'pipe'] });
    const ours = new Child('bench', child, '');
    this.children.add(ours);
    let out = '';
    let complaints = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { complaints += data; });
    const closed = new Promise((resolve) => child.once('close', resolve));
    const timer = setTimeout(() => child.kill('SIGKILL'), limit);
    let found;
    if (during) {
      await Promise.race([sleep(after), ours.ended]);
      found = await during();
    }
    await closed;
    clearTimeout(timer);
    this.children.delete(ours);
    if (!out) throw new Error(`sluice bench ${args.join(' ')} said nothing: ${complaints}`);
    return { ...JSON.parse(out), during: found };
  }
}

export function descriptorLimit() {
  const line = readFileSync('/proc/self/limits', 'utf8').split('\n')
    .find((each) => each.startsWith('Max open files'));
  const hard = line.trim().split(/\s{2,}/)[2];
  return hard === 'unlimited' ? 1_000_000 : Math.min(Number(hard), 1_000_000);
}
