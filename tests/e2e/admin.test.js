// Wallets, keys, usage and copies: from a shell with and without a gateway, and over HTTP.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { chat } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { run, temporaryFolder, writeConfig } from '../harness/processes.mjs';
import { until } from '../harness/until.mjs';

const kToken = 'an-administrators-token';
const mock = await startMock();

/// A configuration whose data lies in a folder of its own.
function place(changes = {}) {
  const folder = temporaryFolder();
  const data_dir = path.join(folder, 'data');
  const config = configFor(mock.url, { data_dir, auth: { admin_token: kToken }, ...changes });
  const file = writeConfig(path.join(folder, 'commands.yaml'), config);
  return {
    folder,
    data_dir,
    config,
    file,
    socket: path.join(data_dir, 'sluice.sock'),
    sluice: (...args) => run([...args, '--config', file], { cwd: folder }),
    async json(...args) {
      const { code, stdout, stderr } = await this.sluice(...args, '--json');
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    },
    async text(...args) {
      const { code, stdout, stderr } = await this.sluice(...args);
      assert.equal(code, 0, stderr);
      return { stdout, stderr };
    },
  };
}

function admin(gateway, method, route, body, headers = {}) {
  return fetch(`${gateway.url}/api/admin/${route}`, {
    method,
    headers: { authorization: `Bearer ${kToken}`, ...headers },
    body: body && JSON.stringify(body),
  });
}

async function status(gateway, key) {
  const answer = await gateway.post('/v1/chat/completions', chat('mock-c1'), {
    authorization: `Bearer ${key}`,
  });
  await answer.text();
  return answer.status;
}

/// Every command must do the same through a gateway and without one.
for (const running of [true, false]) {
  describe(running ? 'through a running gateway' : 'without a gateway', async () => {
    const here = place();
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
      const again = await here.sluice('key', 'create', 'laptop');
      assert.equal(again.code, 1);
      assert.match(again.stderr, /already/);
      await here.text('key', 'delete', String(made.id));
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
      const there = place();
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
    const here = place();
    const gateway = await startGateway(here.config);
    const found = statSync(here.socket);
    assert.ok(found.isSocket());
    assert.equal(found.mode & 0o777, 0o600);
    await gateway.stop();
    assert.ok(!existsSync(here.socket));
  });

  test('that a killed gateway left behind is replaced', async () => {
    const here = place();
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
    const here = place();
    const config = { ...here.config, data_dir: path.join(here.folder, 'd'.repeat(120)) };
    const gateway = await startGateway(config);
    await gateway.stdout.first(/commands cannot reach this gateway/);
    assert.equal((await admin(gateway, 'GET', 'wallets')).status, 200);
  });

  test('answers no second request of a client that stays silent after the first', async () => {
    const here = place();
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
    const here = place();
    const made = await here.text('wallet', 'top-up', 'alice', '1');
    assert.ok(made.stderr.includes(`no gateway runs: this was done in ${here.data_dir}`));
    const shown = await here.text('wallet', 'show', 'alice', '--json');
    assert.equal(shown.stderr.trim(), '');
    await startGateway(here.config);
    assert.equal((await here.text('wallet', 'show', 'alice')).stderr.trim(), '');
  });

  test('that loses the gateway before its answer says how not to pay twice', async () => {
    const here = place();
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
    const here = place();
    const gateway = await startGateway(here.config);
    unlinkSync(here.socket);
    const { code, stderr } = await here.sluice('wallet', 'top-up', 'alice', '1');
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`\\b${gateway.pid}\\b`));
  });
});

describe('over HTTP', async () => {
  const here = place();
  const gateway = await startGateway(here.config);

  test('nobody is let in without the token', async () => {
    for (const authorization of ['', 'Bearer nonsense', `Bearer ${kClientKey}`]) {
      for (const [method, route] of [
        ['GET', 'wallets'],
        ['POST', 'keys'],
        ['GET', 'nothing'],
        ['POST', 'backup'],
      ]) {
        const answer = await admin(gateway, method, route, undefined, { authorization });
        assert.equal(answer.status, 401);
        assert.ok((await answer.json()).error.request_id);
      }
    }
  });

  test('fifty top-ups at once with one idempotency key pay in once', async () => {
    const body = { amount: '2.50', reason: 'parallel', idempotency_key: 'fifty' };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => admin(gateway, 'POST', 'users/eve/wallet/top-up', body)),
    );
    const bodies = await Promise.all(answers.map((answer) => answer.json()));
    assert.equal(answers.filter(({ status }) => status === 201).length, 1);
    assert.equal(answers.filter(({ status }) => status === 200).length, 49);
    assert.equal(new Set(bodies.map(({ entry }) => entry.id)).size, 1);
    const wallet = await (await admin(gateway, 'GET', 'users/eve/wallet')).json();
    assert.deepEqual(wallet, { user: 'eve', balance: '2.5', held: '0', available: '2.5' });
  });

  test('fifty top-ups at once with fifty keys pay in fifty times', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        admin(gateway, 'POST', 'users/frank/wallet/top-up', {
          amount: '0.1',
          idempotency_key: `frank-${i}`,
        }),
      ),
    );
    assert.ok(answers.every(({ status }) => status === 201));
    const wallet = await (await admin(gateway, 'GET', 'users/frank/wallet')).json();
    assert.equal(wallet.balance, '5');
    assert.equal(wallet.available, '5');
  });

  test('a new key works at once, and never after it was deleted', async () => {
    const made = await admin(gateway, 'POST', 'keys', { name: 'fresh' });
    assert.equal(made.status, 201);
    const { id, key } = await made.json();
    const begun = performance.now();
    await until('the key to work', async () => {
      const value = await status(gateway, key);
      return { done: value === 200, value };
    });
    assert.ok(performance.now() - begun < 2000);
    assert.equal((await admin(gateway, 'DELETE', `keys/${id}`)).status, 200);
    await until('the key to be refused', async () => {
      const value = await status(gateway, key);
      return { done: value === 401, value };
    });
    assert.equal((await admin(gateway, 'DELETE', `keys/${id}`)).status, 404);
  });

  test('keys of the configuration are listed and cannot be deleted', async () => {
    const { data } = await (await admin(gateway, 'GET', 'keys')).json();
    const configured = data.find(({ name }) => name === 'tester');
    assert.equal(configured.configured, true);
    assert.equal(configured.prefix, kClientKey.slice(0, 6));
    const refused = await admin(gateway, 'DELETE', `keys/${configured.id}`);
    assert.equal(refused.status, 400);
    assert.match((await refused.json()).error.message, /configuration file/);
    assert.equal(await status(gateway, kClientKey), 200);
  });

  test('a backup names files, and so is for the shell alone', async () => {
    const answer = await admin(gateway, 'POST', 'backup', { file: '/tmp/never.db' });
    assert.equal(answer.status, 403);
    assert.ok(!existsSync('/tmp/never.db'));
  });

  test('usage is listed, added up, and told one by one', async () => {
    const made = await admin(gateway, 'POST', 'keys', { name: 'counted', user: 'gina' });
    const { key } = await made.json();
    for (let i = 0; i < 3; ++i) assert.equal(await status(gateway, key), 200);
    const { data } = await (await admin(gateway, 'GET', 'usage?key=counted')).json();
    assert.equal(data.length, 3);
    for (const row of data) {
      assert.equal(row.user, 'gina');
      assert.equal(row.model, 'mock-c1');
      assert.equal(row.provider, 'oa');
      assert.equal(row.outcome, 'finished');
      assert.ok(row.output_tokens > 0);
    }
    const paged = await (await admin(gateway, 'GET', 'usage?key=counted&limit=2')).json();
    const rest = await (
      await admin(gateway, 'GET', `usage?key=counted&cursor=${paged.next_cursor}`)
    ).json();
    assert.deepEqual([...paged.data, ...rest.data], data);
    const story = await (await admin(gateway, 'GET', `usage/${data[0].id}`)).json();
    assert.equal(story.id, data[0].id);
    assert.ok('decision' in story);

    const sums = await (
      await admin(gateway, 'GET', 'usage/summary?group_by=user&key=counted')
    ).json();
    assert.equal(sums.data.length, 1);
    assert.equal(sums.data[0].group, 'gina');
    assert.equal(sums.data[0].requests, 3);
    const output = data.reduce((sum, row) => sum + row.output_tokens, 0);
    assert.equal(sums.total.output_tokens, output);

    const { stdout } = await here.text('usage', '--key', 'counted');
    assert.match(stdout, /^TIME +KEY +USER +MODEL/);
    assert.equal(stdout.match(/ counted +gina +mock-c1 +oa /g).length, 3);
    const csv = (await here.text('usage', '--key', 'counted', '--csv')).stdout.trim().split('\n');
    assert.equal(csv.length, 4);
    assert.match(csv[0], /^id,at,request_id,key,user,/);
    const summary = await here.text('usage', '--summary', 'key');
    assert.match(summary.stdout, /^KEY +REQUESTS/);
    assert.match(summary.stdout, /^counted +3 /m);
    assert.match(summary.stdout, /^total +/m);
    assert.equal((await here.json('usage', '--limit', '2')).data.length, 2);
  });

  test('a gateway without a token answers this machine, and no web page on it', async () => {
    const open = place({ auth: {} });
    const local = await startGateway(open.config);
    const ask = (headers) => fetch(`${local.url}/api/admin/wallets`, { headers });
    assert.equal((await ask({})).status, 200);
    assert.equal((await ask({ origin: 'https://evil.example' })).status, 403);
    assert.equal((await ask({ 'x-forwarded-for': '127.0.0.1' })).status, 403);
  });
});

describe('ending a request that runs', async () => {
  const here = place({
    models: [{ name: 'mock-c5000-i10', input: '1000', output: '1000' }],
    keys: [{ key: kClientKey, name: 'tester', user: 'hugo' }],
  });
  const gateway = await startGateway(here.config);
  await here.text('wallet', 'top-up', 'hugo', '100');

  const end = (method, route) =>
    fetch(`${gateway.url}/api/live/${route}`, {
      method,
      headers: { authorization: `Bearer ${kToken}` },
    });
  const start = (id, model) =>
    gateway.post('/v1/chat/completions', chat(model, { stream: true }), { 'x-request-id': id });

  for (const [method, suffix] of [
    ['POST', '/cancel'],
    ['DELETE', ''],
  ]) {
    test(`${method} closes the upstream, ends the stream in-band and settles`, async () => {
      const id = `ended-by-${method.toLowerCase()}`;
      const before = (await here.json('wallet', 'show', 'hugo')).balance;
      const answer = await start(id, 'mock-c5000-i10');
      const reader = answer.body.getReader();
      let text = Buffer.from((await reader.read()).value).toString();
      const ended = await end(method, id + suffix);
      assert.equal(ended.status, 200);
      const { requests, closed_after_us, charged, returned } = await ended.json();
      assert.equal(requests, 1);
      assert.ok(closed_after_us >= 0);
      assert.ok(Number(charged) > 0, charged);
      assert.ok(Number(returned) > 0, returned);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += Buffer.from(value).toString();
      }
      assert.match(text, /cancelled by an operator/);
      assert.ok(!text.includes('[DONE]'));
      await mock.abortOf('mock-c5000-i10');
      const wallet = await here.json('wallet', 'show', 'hugo');
      assert.equal(wallet.held, '0');
      assert.equal(wallet.balance, wallet.available);
      assert.ok(Math.abs(Number(before) - Number(wallet.balance) - Number(charged)) < 1e-9);
      const { data } = await here.json('usage', '--limit', '1');
      assert.equal(data[0].request_id, id);
      assert.equal(data[0].outcome, 'cancelled');
      assert.equal(data[0].cost, charged);
      assert.equal((await end(method, id + suffix)).status, 404);
    });
  }

  test('before its first content it is told so, and nothing is charged', async () => {
    const waiting = start('silent', 'mock-c1-f60000');
    await until('the request to run', async () => {
      const board = await (
        await fetch(`${gateway.url}/api/live`, { headers: { authorization: `Bearer ${kToken}` } })
      ).json();
      const value = board.running.find((each) => each.id === 'silent' && each.state === 'waiting');
      return { done: value !== undefined, value: board.running };
    });
    const ended = await (await end('POST', 'silent/cancel')).json();
    assert.equal(ended.charged, '0');
    const answer = await waiting;
    assert.equal(answer.status, 403);
    assert.match((await answer.json()).error.message, /cancelled by an operator/);
  });
});

describe('verify', () => {
  test('exits with 1 and names what differs', async () => {
    const here = place();
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
    const here = place();
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
