// The ways to a database server: TLS with and without proof of who answers, sockets, IPv6, names
// and passwords of any characters, and users who may do no more than they have to.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { Authority } from '../harness/authority.mjs';
import { chat } from '../harness/clients.mjs';
import { placeOn, servers, startOwnServer } from '../harness/databases.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { call, sluice, sluiceJson } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { run, temporaryFolder, writeConfig } from '../harness/processes.mjs';

const key = 'sk-access-0123456789';
const mock = await startMock();
const authority = new Authority('authority of the test');
const stranger = new Authority('authority of somebody else');
// Its name is localhost, and 127.0.0.1 is not.
authority.issue('server', 'db.test', 'DNS:localhost,IP:::1');
const certified = authority.issue('client', 'certified');
const hasIpv6 = Object.values(os.networkInterfaces()).flat().some(({ address }) => address === '::1');

/// `sluice migrate` with this URL, as the gateway's start would connect.
async function reach(url, env = {}) {
  const folder = temporaryFolder();
  const file = writeConfig(path.join(folder, 'gateway.yaml'), { database: { url } });
  return run(['migrate', '--config', file], { cwd: folder, env });
}

async function assertReached(url, env) {
  const { code, stderr } = await reach(url, env);
  assert.equal(code, 0, `${url}: ${stderr}`);
}

async function assertRefused(url, why, env) {
  const { code, stderr } = await reach(url, env);
  assert.notEqual(code, 0, `${url} was taken`);
  assert.match(stderr, why);
}

/// What the two kinds call the same.
const kWords = {
  postgresql: {
    off: { sslmode: 'disable' },
    maybe: { sslmode: 'prefer' },
    must: { sslmode: 'require' },
    signed: (file) => ({ sslmode: 'verify-ca', sslrootcert: file }),
    named: (file) => ({ sslmode: 'verify-full', ...(file && { sslrootcert: file }) }),
    certificate: ({ cert, key: own }) => ({ sslcert: cert, sslkey: own }),
    plain: /server does not support SSL/,
    unsigned: /certificate verify failed/,
    misnamed: /does not match host name/,
    socket: (server) => ({ host: path.join(server.folder, 'server') }),
  },
  mysql: {
    off: { 'ssl-mode': 'DISABLED' },
    maybe: { 'ssl-mode': 'PREFERRED' },
    must: { 'ssl-mode': 'REQUIRED' },
    signed: (file) => ({ 'ssl-ca': file }),
    named: (file) => ({ 'ssl-mode': 'VERIFY_IDENTITY', ...(file && { 'ssl-ca': file }) }),
    certificate: ({ cert, key: own }) => ({ 'ssl-cert': cert, 'ssl-key': own }),
    plain: /the server does not speak TLS|the server does not support it/,
    unsigned: /self-signed certificate in certificate chain|certificate verify failed/,
    misnamed: /[Vv]alidation of SSL server certificate failed|[Hh]ostname/,
    socket: (server) => ({ socket: path.join(server.folder, 'server/socket') }),
  },
};

for (const kind of servers) {
  describe(kind, async () => {
    const words = kWords[kind];
    const server = await startOwnServer(kind, { tls: authority });
    const { name } = server.makeDatabase();
    const at = (options, more = {}) => server.urlOf(name, { options, ...more });
    const { file } = authority;

    test('is reached with TLS and without it, as the address asks', async () => {
      for (const options of [{}, words.off, words.maybe, words.must]) {
        await assertReached(at(options));
      }
    });

    test('must show a certificate of the authority that the address names', async () => {
      await assertReached(at(words.signed(file)));
      await assertRefused(at(words.signed(stranger.file)), words.unsigned);
    });

    test('must be the one that its certificate names, where that is asked', async () => {
      const host = 'localhost';
      await assertReached(at(words.named(file), { host }));
      await assertRefused(at(words.named(file)), words.misnamed);
      await assertRefused(at(words.named(stranger.file), { host }), words.unsigned);
      // Without a file it is the system's authorities that count.
      await assertRefused(at(words.named(), { host }), words.unsigned);
      await assertReached(at(words.named(), { host }), { SSL_CERT_FILE: file });
      await assertRefused(at(words.named()), words.misnamed, { SSL_CERT_FILE: file });
    });

    test('knows a gateway by its certificate', async () => {
      const user = 'certified';
      if (kind === 'postgresql') {
        server.query(`CREATE ROLE certified LOGIN SUPERUSER`, server.maintenance);
      } else {
        server.query(
          `CREATE USER certified@'%' IDENTIFIED BY 'x' REQUIRE X509; GRANT ALL ON *.* TO certified@'%'`,
          server.maintenance,
        );
      }
      const options = { ...words.signed(file), ...words.certificate(certified) };
      await assertReached(at(options, { user, password: 'x' }));
      await assertRefused(at(words.signed(file), { user, password: 'x' }), /certificate|denied/);
    });

    test('is reached through its socket', async () => {
      await assertReached(at(words.socket(server), { host: '' }));
    });

    test('is reached over IPv6', { skip: !hasIpv6 && 'there is no ::1' }, async () => {
      await assertReached(at({}, { host: '[::1]' }));
      await assertReached(at(words.named(file), { host: '[::1]' }));
    });

    test('takes names and passwords of any characters', async () => {
      const user = 'o\'dd "user" \\ @:/?#%';
      const password = 'p:a/s?s#w@r%d \'"\\ ;={}+&ü';
      const database = 'odd name-1;=%';
      if (kind === 'postgresql') {
        const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
        server.query(`CREATE USER ${quoted(user)} PASSWORD '${password.replaceAll("'", "''")}'`, 'postgres');
        server.query(`CREATE DATABASE ${quoted(database)} OWNER ${quoted(user)}`, 'postgres');
      } else {
        const quoted = (text) => `'${text.replace(/['\\]/g, '\\$&')}'`;
        server.query(
          `CREATE USER ${quoted(user)}@'%' IDENTIFIED BY ${quoted(password)};
           CREATE DATABASE \`${database}\`; GRANT ALL ON \`${database}\`.* TO ${quoted(user)}@'%'`,
          'mysql',
        );
        const env = { DB_HOST: '127.0.0.1', DB_PORT: String(server.port) };
        Object.assign(env, { DB_USER: user, DB_PASSWORD: password, DB_NAME: database });
        await assertReached('mysql://nobody@127.0.0.1:1/none', env);
      }
      await assertReached(server.urlOf(database, { user, password }));
    });

    test('gives its schema to one user and its rows to another, who needs no more', async () => {
      const place = placeOn(server);
      const database = new URL(place.url).pathname.slice(1);
      server.query(kGrants[kind].users(database), server.maintenance);
      const running = { user: 'runs', password: 'x' };
      await assertRefused(server.urlOf(database, running), /denied/);
      await assertReached(server.urlOf(database, { user: 'migrates', password: 'x' }));
      server.query(kGrants[kind].rows(database), database);
      await assertReached(server.urlOf(database, running));

      place.changes = { database: { url: server.urlOf(database, running) } };
      const config = configFor(mock.url, {
        ...place.changes,
        keys: [{ key, name: 'access', user: 'ann', quota_tokens: 100_000 }],
        models: [{ name: 'mock-c5', input: '2', output: '10' }],
        logging: { level: 'warn' },
      });
      const gateway = await startGateway(config, place);
      await sluice(gateway, 'wallet', 'top-up', 'ann', '10');
      const made = await sluiceJson(gateway, 'key', 'create', 'second', '--user', 'ann');
      for (const each of [key, made.key]) {
        assert.equal((await call(gateway, { key: each, body: chat('mock-c5') })).status, 200);
      }
      await sluice(gateway, 'key', 'delete', String(made.id));
      await place.books.settled();
      place.books.check();
      assert.equal(place.books.usage().length, 2);
      assert.equal((await sluiceJson(gateway, 'wallet', 'verify')).equal, true);
      await sluice(gateway, 'backup', path.join(place.folder, 'copy.db'));
      assert.ok(existsSync(path.join(place.folder, 'copy.db')));
    });

    // MySQL itself always has TLS.
    const skip = kind === 'mysql' && process.env.SLUICE_TEST_MYSQLD !== undefined;
    test('in plain text is refused where TLS is asked for', { skip }, async () => {
      const plain = await startOwnServer(kind);
      const { name: there } = plain.makeDatabase();
      const to = (options, more = {}) => plain.urlOf(there, { options, ...more });
      for (const options of [{}, words.off, words.maybe]) await assertReached(to(options));
      const host = 'localhost';
      for (const options of [words.must, words.signed(file), words.named(file), words.named()]) {
        await assertRefused(to(options, { host }), words.plain);
      }
    });
  });
}

/// As docs/databases.md has them.
const kGrants = {
  postgresql: {
    users: (database) => `CREATE USER migrates PASSWORD 'x';
      CREATE USER runs PASSWORD 'x';
      ALTER DATABASE ${database} OWNER TO migrates`,
    rows: () => `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO runs;
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO runs;
      REVOKE UPDATE, DELETE ON wallet_transactions FROM runs`,
  },
  mysql: {
    users: (database) => `CREATE USER migrates@'%' IDENTIFIED BY 'x';
      CREATE USER runs@'%' IDENTIFIED BY 'x';
      GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES, TRIGGER
        ON ${database}.* TO migrates@'%';
      GRANT SELECT ON ${database}.* TO runs@'%'`,
    rows: (database) => `GRANT SELECT, INSERT, UPDATE, DELETE ON ${database}.* TO runs@'%'`,
  },
};
