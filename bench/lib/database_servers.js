// A PostgreSQL or MariaDB server of our own, as Debian sets it up: started by the script of the
// end-to-end tests, with the memory and the housekeeping that a server has where it is not a test.
import { spawn, spawnSync } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort } from './lab.js';

const script = new URL('../../tests/harness/database-server.sh', import.meta.url).pathname;
const kOptions = {
  postgresql: ['-c', 'shared_buffers=128MB', '-c', 'autovacuum=on', '-c', 'max_wal_size=1GB'],
  mysql: ['--innodb-buffer-pool-size=128M', '--innodb-log-file-size=96M'],
};

export class DatabaseServer {
  static async start(kind, folder) {
    const server = new DatabaseServer();
    Object.assign(server, { kind, port: await freePort() });
    const log = join(folder, `${kind}.log`);
    const output = openSync(log, 'a');
    server.child = spawn(script, [kind, join(folder, kind), String(server.port), ...kOptions[kind]],
      { stdio: ['ignore', output, output] });
    server.ended = new Promise((resolve) => server.child.once('exit', resolve));
    server.ended.then(() => { server.gone = true; });
    const maintenance = kind === 'postgresql' ? 'postgres' : 'mysql';
    for (let tries = 0; ; ++tries) {
      const asked = server.shell('SELECT 1', maintenance);
      if (asked.status === 0) break;
      if (server.gone || tries > 1200) throw new Error(`${kind}: ${readFileSync(log, 'utf8')}${asked.stderr}`);
      await sleep(50);
    }
    server.shell('CREATE DATABASE gateway', maintenance);
    return server;
  }

  get url() {
    return `${this.kind}://sluice:a%20secret@127.0.0.1:${this.port}/gateway`;
  }

  shell(sql, database = 'gateway') {
    const where = ['-h', '127.0.0.1', this.kind === 'postgresql' ? '-p' : '-P', String(this.port)];
    const [command, args] = this.kind === 'postgresql'
      ? ['psql', ['-X', '-A', '-t', '-q', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-U', 'sluice']]
      : ['mariadb', ['--no-defaults', '-B', '-N', '-u', 'sluice']];
    return spawnSync(command, [...args, ...where, this.kind === 'postgresql' ? '-d' : '-D', database], {
      input: sql, encoding: 'utf8', maxBuffer: 1 << 28,
      env: { ...process.env, PGPASSWORD: 'a secret', MYSQL_PWD: 'a secret' },
    });
  }

  ask(sql) {
    const { status, stdout, stderr } = this.shell(sql);
    if (status !== 0) throw new Error(stderr);
    return stdout.split('\n')[0].split('\t')[0];
  }

  async stop() {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}
