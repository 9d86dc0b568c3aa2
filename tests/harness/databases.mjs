// Database servers: started when a test needs one, in a folder of their own, and stopped with the
// file that needed them; and the books of a gateway on any of the three.
import { spawn, spawnSync } from 'node:child_process';
import { openSync, readFileSync, readdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { temporaryFolder } from './processes.mjs';
import { Books } from './metering.mjs';
import { until } from './until.mjs';

const script = fileURLToPath(new URL('database-server.sh', import.meta.url));
const kPassword = 'a secret';
const kPatience = 60_000;

/// The kinds of database that the gateway works on.
export const kinds = ['sqlite', 'postgresql', 'mysql'];
export const servers = kinds.slice(1);

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

class DatabaseServer {
  constructor(kind, folder, port, tls) {
    Object.assign(this, { kind, folder, port, tls, databases: 0 });
  }

  /// Starts it, and waits until it answers.
  async start() {
    if (this.frozen) {
      for (const pid of this.frozen) process.kill(pid, 'SIGCONT');
      this.frozen = undefined;
      return;
    }
    const log = path.join(this.folder, 'log');
    const output = openSync(log, 'a');
    this.child = spawn(script, [this.kind, path.join(this.folder, 'server'), String(this.port)], {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...(this.tls && { SLUICE_TEST_TLS: this.tls.folder }) },
    });
    this.child.unref();
    let ended = false;
    this.exited = new Promise((resolve) =>
      this.child.on('close', () => {
        ended = true;
        resolve();
      }),
    );
    const until = Date.now() + kPatience;
    for (;;) {
      try {
        this.query('SELECT 1', this.maintenance);
        return;
      } catch (error) {
        if (ended || Date.now() > until) {
          throw new Error(`${this.kind}: ${readFileSync(log, 'utf8')}`, { cause: error });
        }
        await pause(50);
      }
    }
  }

  /// kill -9 of all its processes, without a word to anybody.
  async kill() {
    this.child.ref();
    // Stopped first, so that it makes no others meanwhile.
    this.child.kill('SIGSTOP');
    for (const pid of childrenOf(this.child.pid)) process.kill(pid, 'SIGKILL');
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /// It answers nobody, and keeps its connections, until it is started again.
  async freeze() {
    this.frozen = [this.child.pid, ...childrenOf(this.child.pid)];
    for (const pid of this.frozen) process.kill(pid, 'SIGSTOP');
  }

  /// As its service would be stopped: what runs is ended, and clients are told.
  async stop() {
    this.child.ref();
    this.child.kill(this.kind === 'postgresql' ? 'SIGINT' : 'SIGTERM');
    await this.exited;
  }

  get maintenance() {
    return this.kind === 'postgresql' ? 'postgres' : 'mysql';
  }

  /// The URL of a new, empty database.
  makeDatabase() {
    const name = `gateway_${++this.databases}`;
    this.query(`CREATE DATABASE ${name}`, this.maintenance);
    return { name, url: this.urlOf(name) };
  }

  /// The URL of a database as one of its users sees it.
  urlOf(name, { user = 'sluice', password = kPassword, host = '127.0.0.1', options = {} } = {}) {
    const asked = new URLSearchParams(options).toString().replaceAll('+', '%20');
    const who = [user, password].map(encodeURIComponent).join(':');
    const where = `${who}@${host}:${this.port}/${encodeURIComponent(name)}`;
    return `${this.kind}://${where}${asked && '?'}${asked}`;
  }

  /// Rows as arrays of texts, through the server's own shell; MySQL's begin with the names.
  query(sql, database) {
    const where = ['-h', '127.0.0.1', this.kind === 'postgresql' ? '-p' : '-P', String(this.port)];
    const [command, args] =
      this.kind === 'postgresql'
        ? ['psql', ['-X', '-A', '-t', '-q', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-U', 'sluice']]
        : ['mariadb', ['--no-defaults', '--ssl', '-B', '-u', 'sluice']];
    const { status, stdout, stderr } = spawnSync(
      command,
      [...args, ...where, this.kind === 'postgresql' ? '-d' : '-D', database],
      {
        input: sql,
        encoding: 'utf8',
        maxBuffer: 1 << 28,
        env: { ...process.env, PGPASSWORD: kPassword, MYSQL_PWD: kPassword },
      },
    );
    assert.equal(status, 0, stderr);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'));
  }
}

/// The processes that a process has made: PostgreSQL has one for each connection.
function childrenOf(parent) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        // "pid (name) state parent ..."; a name may hold anything.
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
      } catch {
        return false; // it has ended
      }
    })
    .map(Number);
}

const started = new Map();

/// Starts the server of a kind. For the top of a file: it ends with what has called this first.
export async function startServer(kind) {
  if (!started.has(kind)) started.set(kind, await startOwnServer(kind));
}

/// One that is the caller's alone. `tls`: it shows server.crt of this authority (authority.mjs)
/// to who wants TLS, and listens on ::1, too.
export async function startOwnServer(kind, { tls } = {}) {
  const server = new DatabaseServer(kind, temporaryFolder(), await freePort(), tls);
  await server.start();
  after(() => server.kill());
  return server;
}

/// The books on a server. What has not arrived there yet, and what runs, lies in the spool.
class ServerBooks extends Books {
  constructor(folder, server, database) {
    super(folder);
    this.file = path.join(folder, 'data/spool.db');
    Object.assign(this, { server, database });
  }

  /// For as long as it goes on.
  async settled() {
    const sql = `SELECT (SELECT count(*) FROM open_leases) + (SELECT count(*) FROM usage_logs) AS n`;
    for (let before = Infinity; before > 0; ) {
      before = await until('settlements to arrive', async () => {
        const { n } = super.all(sql)[0];
        return { done: n === 0 || n < before, value: n };
      }, kPatience);
    }
  }

  all(sql, ...values) {
    if (sql.includes('open_leases')) return super.all(sql, ...values);
    let i = 0;
    const filled = sql.replace(/\?/g, () => `'${String(values[i++]).replaceAll("'", "''")}'`);
    if (this.server.kind === 'postgresql') {
      return this.server
        .query(`SELECT row_to_json(r) FROM (${filled}) r`, this.database)
        .map(([row]) => JSON.parse(row));
    }
    const [names = [], ...rows] = this.server.query(filled, this.database);
    return rows.map((row) =>
      Object.fromEntries(names.map((name, column) => [name, valueOf(row[column])])),
    );
  }
}

/// As a shell prints it.
function valueOf(text) {
  if (text === 'NULL') return null;
  return /^-?\d{1,16}$/.test(text) ? Number(text) : text;
}

/// Where a gateway of a kind keeps its books: what its configuration needs, and how to read them.
export async function placeFor(kind) {
  if (kind !== 'sqlite') return placeOn(started.get(kind));
  const folder = temporaryFolder();
  return { folder, changes: {}, books: new Books(folder) };
}

/// The same on a server of the caller's own.
export function placeOn(server) {
  const folder = temporaryFolder();
  const { name, url } = server.makeDatabase();
  return {
    folder,
    server,
    url,
    changes: { database: { url } },
    books: new ServerBooks(folder, server, name),
  };
}
