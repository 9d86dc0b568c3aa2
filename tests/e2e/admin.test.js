// Wallets, keys and copies from a shell, with and without a gateway.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { admin, place } from '../harness/administration.mjs';
import { startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { run } from '../harness/processes.mjs';

const mock = await startMock();

/// Every command must do the same through a gateway and without one.
for (const running of [true, false]) {
  describe(running ? 'through a running gateway' : 'without a gateway', async () => {
    const here = place(mock);
    if (running) await startGateway(here.config);

    test('a wallet is paid into, corrected, shown and listed', async () => {
      const first = await here.text('wallet', 'top-up', 'alice', '2.50', '--reason', 'invoice 7');
      assert.match(first.stdout, /^top_up of 2\.5 USD, for a user who is new\n/);
      await here.text('wallet', 'adjust', 'alice', '-0.000000001', '--reason', 'rounding');
      assert.deepEqual(await here.json('wallet', 'show', 'alice'), {
        user: 'alice',
        balance: '2.499999999',
        held: '0',
        available: '2.499999999',
      });
      await here.text('wallet', 'top-up', 'jürgen b/c', '1');
      const { stdout } = await here.text('wallet', 'list');
      assert.match(stdout, /^USER +BALANCE USD +HELD +AVAILABLE\n/);
      assert.match(stdout, /^alice +2\.499999999 +0 +2\.499999999$/m);
      assert.match(stdout, /^jürgen b\/c +1 +0 +1$/m);
      const { data } = await here.json('wallet', 'entries', 'alice');
      assert.deepEqual(
        data.map(({ kind, amount, balance_after, reason }) => [kind, amount, balance_after, reason]),
        [
          ['adjust', '-0.000000001', '2.499999999', 'rounding'],
          ['top_up', '2.5', '2.5', 'invoice 7'],
        ],
      );
      assert.match(data[0].actor, /^shell:\d+$/);
    });

    test('the same idempotency key pays in once', async () => {
      const args = ['wallet', 'top-up', 'bob', '3', '--idempotency-key', 'once'];
      const first = await here.json(...args);
      const second = await here.json(...args);
      assert.equal(first.repeated, false);
      assert.equal(second.repeated, true);
      assert.equal(second.entry.id, first.entry.id);
      assert.equal((await here.json('wallet', 'show', 'bob')).balance, '3');
      const other = await here.sluice('wallet', 'top-up', 'bob', '4', '--idempotency-key', 'once');
      assert.equal(other.code, 1);
      assert.equal(other.stderr.trim().split('\n').length, 1, other.stderr);
    });

    test('what cannot be done exits with 1 and one line', async () => {
      for (const args of [
        ['wallet', 'show', 'nobody'],
        ['wallet', 'adjust', 'nobody', '1', '--reason', 'x'],
        ['wallet', 'top-up', 'alice', '-1'],
        ['key', 'delete', '4711'],
        ['backup', '/no/such/folder/copy.db'],
        ['usage', '--from', 'yesterday'],
      ]) {
        const { code, stdout, stderr } = await here.sluice(...args);
        assert.equal(code, 1, args.join(' '));
        assert.equal(stdout.trim(), '');
        assert.equal(stderr.trim().split('\n').length, 1, stderr);
      }
    });

    test('verify finds every balance right', async () => {
      const { stdout } = await here.text('wallet', 'verify');
      assert.match(stdout, /every balance is the sum of its entries/);
      assert.deepEqual(await here.json('wallet', 'verify'), { equal: true, differences: [] });
    });

    test('a key is shown once, listed and deleted', async () => {
      const { stdout, stderr } = await here.text(
        ...['key', 'create', 'laptop', '--user', 'carol', '--rpm', '60'],
        ...['--models', 'gpt-*,mock-c1', '--expires-at', '2099-01-31T00:00:00Z'],
      );
      assert.match(stdout.trim(), /^sk-[0-9A-Za-z]{48}$/);
      assert.match(stderr, /shown only now/);
      const { data } = await here.json('key', 'list');
      const made = data.find(({ name }) => name === 'laptop');
      assert.equal(made.prefix, stdout.slice(0, 6));
      assert.equal(made.user, 'carol');
      assert.deepEqual(made.models, ['gpt-*', 'mock-c1']);
      assert.ok(!JSON.stringify(data).includes(stdout.trim()));
      const again = await here.sluice('key', 'create', 'laptop', '--user', 'carol');
      assert.equal(again.code, 1);
      assert.match(again.stderr, /already/);
      const id = String(made.id);
      await here.text(
        ...['key', 'change', id, '--disable', '--budget-week', '2.50', '--models', 'none'],
        ...['--expires-at', 'none', '--quota-tokens', '5000'],
      );
      const changed = await here.json('key', 'show', id);
      assert.equal(changed.enabled, false);
      assert.deepEqual(changed.budgets, { day: null, week: '2.5', month: null });
      assert.deepEqual(changed.models, []);
      assert.equal(changed.expires_at, null);
      assert.equal(changed.quota_tokens, 5000);
      assert.equal(changed.rpm, 60);
      const fresh = await here.text('key', 'rotate', id, '--overlap', '60');
      assert.match(fresh.stdout.trim(), /^sk-[0-9A-Za-z]{48}$/);
      const own = (await here.json('key', 'list', '--user', 'carol')).data;
      assert.equal(own.find(({ replaces }) => replaces === made.id).name, 'laptop');
      for (const each of own) await here.text('key', 'delete', String(each.id));
      const after = await here.json('key', 'list');
      assert.ok(!after.data.some(({ name }) => name === 'laptop'));
    });

    test('a backup restores into another place', async () => {
      const copy = path.join(here.folder, 'copy.db');
      await here.text('wallet', 'top-up', 'dora', '7');
      const { stdout } = await run(['backup', 'copy.db', '--config', here.file], {
        cwd: here.folder,
      });
      assert.ok(stdout.startsWith(`${copy}: `), stdout);
      assert.equal(statSync(copy).mode & 0o777, 0o600);
      await here.text('wallet', 'top-up', 'dora', '1');
      const there = place(mock);
      await there.text('restore', copy);
      assert.equal((await there.json('wallet', 'show', 'dora')).balance, '7');
      assert.equal((await there.json('wallet', 'verify')).equal, true);
      assert.equal((await here.json('wallet', 'show', 'dora')).balance, '8');
    });
  });
}

describe('usage errors', () => {
  for (const args of [
    ['wallet'],
    ['wallet', 'fly'],
    ['wallet', 'show'],
    ['wallet', 'show', ''],
    ['wallet', 'top-up', 'alice'],
    ['wallet', 'top-up', 'alice', 'lots'],
    ['wallet', 'top-up', 'alice', '1e3'],
    ['wallet', 'adjust', 'alice', '1'],
    ['wallet', 'list', '--config', '/no/such/file'],
    ['key'],
    ['key', 'create'],
    ['key', 'delete', 'x'],
    ['key', 'delete', '-1'],
    ['key', 'create', 'x', '--rpm', 'many'],
    ['usage', '--summary', 'hour'],
    ['usage', '--limit', '0'],
    ['usage', '--json', '--csv'],
    ['backup'],
    ['restore'],
    ['restore', 'a', 'b'],
  ]) {
    test(`sluice ${args.join(' ')} exits with 2 and one line`, async () => {
      const { code, stdout, stderr } = await run(args);
      assert.equal(code, 2, stderr);
      assert.equal(stdout.trim(), '');
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    });
  }

  for (const command of ['wallet', 'wallet top-up', 'key create', 'usage', 'backup', 'restore']) {
    test(`sluice ${command} --help exits with 0`, async () => {
      const { code, stdout } = await run([...command.split(' '), '--help']);
      assert.equal(code, 0);
      assert.match(stdout, /Usage: /);
    });
  }
});

describe('the socket', () => {
  test('is for its owner alone, and goes with the gateway', async () => {
    const here = place(mock);
    const gateway = await startGateway(here.config);
    const found = statSync(here.socket);
    assert.ok(found.isSocket());
    assert.equal(found.mode & 0o777, 0o600);
    await gateway.stop();
    assert.ok(!existsSync(here.socket));
  });

  test('that a killed gateway left behind is replaced', async () => {
    const here = place(mock);
    const killed = await startGateway(here.config);
    killed.kill('SIGKILL');
    await killed.expectEnd();
    assert.ok(existsSync(here.socket));
    // Nobody answers there: the command does without.
    await here.text('wallet', 'top-up', 'alice', '1');
    const gateway = await startGateway(here.config);
    assert.equal((await here.json('wallet', 'show', 'alice')).balance, '1');
    const { code, stderr } = await here.sluice('restore', '/dev/null');
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`\\b${gateway.pid}\\b`), 'names who holds the data');
  });

  test('that cannot be made is told, and the gateway serves without it', async () => {
    const here = place(mock);
    const config = { ...here.config, data_dir: path.join(here.folder, 'd'.repeat(120)) };
    const gateway = await startGateway(config);
    await gateway.stdout.first(/commands cannot reach this gateway/);
    assert.equal((await admin(gateway, 'GET', 'wallets')).status, 200);
  });

  test('answers no second request of a client that stays silent after the first', async () => {
    const here = place(mock);
    await startGateway(here.config);
    const socket = net.connect(here.socket);
    await once(socket, 'connect');
    socket.write('GET /api/admin/wallets HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    let text = '';
    socket.on('data', (part) => (text += part));
    await once(socket, 'end');
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.match(text, /"data":\[/);
  });
});

describe('a command', () => {
  test('says where it worked when no gateway ran, and is silent about it in JSON', async () => {
    const here = place(mock);
    const made = await here.text('wallet', 'top-up', 'alice', '1');
    assert.ok(made.stderr.includes(`no gateway runs: this was done in ${here.data_dir}`));
    const shown = await here.text('wallet', 'show', 'alice', '--json');
    assert.equal(shown.stderr.trim(), '');
    await startGateway(here.config);
    assert.equal((await here.text('wallet', 'show', 'alice')).stderr.trim(), '');
  });

  test('that loses the gateway before its answer says how not to pay twice', async () => {
    const here = place(mock);
    mkdirSync(here.data_dir);
    const server = net.createServer((socket) => socket.destroy());
    await new Promise((resolve) => server.listen(here.socket, resolve));
    const { code, stderr } = await here.sluice('wallet', 'top-up', 'alice', '1');
    await new Promise((resolve) => server.close(resolve));
    assert.equal(code, 1);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
    assert.match(stderr, /--idempotency-key cli-[0-9a-z]+/);
  });

  test('does not get past a gateway that it cannot reach', async () => {
    const here = place(mock);
    const gateway = await startGateway(here.config);
    unlinkSync(here.socket);
    const { code, stderr } = await here.sluice('wallet', 'top-up', 'alice', '1');
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`\\b${gateway.pid}\\b`));
  });
});

describe('verify', () => {
  test('exits with 1 and names what differs', async () => {
    const here = place(mock);
    await here.text('wallet', 'top-up', 'alice', '5');
    // Somebody has changed a balance behind the ledger's back.
    const { DatabaseSync } = await import('node:sqlite').catch(() => ({}));
    if (!DatabaseSync) return;
    const database = new DatabaseSync(path.join(here.data_dir, 'sluice.db'));
    const columns = database.prepare('PRAGMA table_info(wallets)').all();
    const balance = columns.map(({ name }) => name).find((name) => name.startsWith('balance'));
    database.exec(`UPDATE wallets SET ${balance} = ${balance} + 1`);
    database.close();
    const { code, stdout } = await here.sluice('wallet', 'verify');
    assert.equal(code, 1, stdout);
    assert.match(stdout, /alice/);
    const asJson = await here.sluice('wallet', 'verify', '--json');
    assert.equal(asJson.code, 1);
    assert.equal(JSON.parse(asJson.stdout).differences.length, 1);
  });

  test('refuses to restore what is no backup', async () => {
    const here = place(mock);
    await here.text('wallet', 'top-up', 'alice', '5');
    const file = path.join(here.folder, 'no.db');
    writeFileSync(file, 'this is no database');
    const { code, stderr } = await here.sluice('restore', file);
    assert.equal(code, 1);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
    assert.equal((await here.json('wallet', 'show', 'alice')).balance, '5');
    assert.equal(readFileSync(file, 'utf8'), 'this is no database');
  });
});
