// A shell does all that the management API does: with a gateway and without one.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { place } from '../harness/administration.mjs';
import { chat } from '../harness/clients.mjs';
import { placeFor, startServer } from '../harness/databases.mjs';
import { startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { run, Sluice, temporaryFolder } from '../harness/processes.mjs';

const kSecret = 'sk-a-providers-secret-0123456789abcdef';
const kPassword = 'correct horse battery';
const mock = await startMock();
await startServer('postgresql');

/// A file whose content never stands on a command line.
function fileWith(here, name, text) {
  const file = path.join(here.folder, name);
  writeFileSync(file, text);
  return file;
}

async function placeOn(kind) {
  const { changes } = kind === 'sqlite' ? { changes: {} } : await placeFor(kind);
  return place(mock, changes);
}

/// Said in one line, with the exit status.
async function refused(here, status, pattern, ...args) {
  const { code, stdout, stderr } = await here.sluice(...args);
  assert.equal(code, status, `${args.join(' ')}: ${stderr}${stdout}`);
  assert.equal(stdout.trim(), '', args.join(' '));
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
  assert.match(stderr, pattern, args.join(' '));
}

const places = [
  ['through a running gateway', 'sqlite', true],
  ['without a gateway', 'sqlite', false],
  ['through a gateway on PostgreSQL', 'postgresql', true],
  ['on PostgreSQL without a gateway', 'postgresql', false],
];

for (const [title, kind, running] of places) {
  describe(title, async () => {
    const here = await placeOn(kind);
    if (running) await startGateway(here.config);

    test('a provider is added, shown, changed and removed, and its keys stay secret', async () => {
      const keys = fileWith(here, 'keys.txt', `${kSecret}\n\n${kSecret}-2\r\n`);
      const added = await here.sluice(
        ...['provider', 'add', 'second', 'openai', '--base-url', `${mock.url}/v1`],
        ...['--key-file', keys, '--models', 'a,b', '--settings', '{"timeouts":{"connect":"3s"}}'],
      );
      assert.equal(added.code, 0, added.stderr);
      assert.match(added.stdout, /^name +second$/m);
      assert.match(added.stdout, /^settings\.timeouts\.connect +3s$/m);
      const shown = await here.json('provider', 'show', 'second');
      assert.equal(shown.api_keys.length, 2);
      assert.deepEqual(shown.models, ['a', 'b']);
      await here.text('provider', 'set', 'second', '--disable', '--models', 'none');
      const changed = await here.json('provider', 'show', String(shown.id));
      assert.equal(changed.enabled, false);
      assert.deepEqual(changed.models, []);
      await here.text('provider', 'keys', 'set', 'second', '--key-file', keys);
      const { data } = await here.json('provider', 'keys', 'list', 'second');
      assert.equal(data.length, 2);
      await here.text('provider', 'keys', 'remove', 'second', data[0].id);
      assert.equal((await here.json('provider', 'keys', 'list', 'second')).data.length, 1);
      const list = await here.text('provider', 'list');
      assert.match(list.stdout, /^ID +NAME +TYPE/);
      assert.match(list.stdout, /\bsecond\b/);
      const all = [added, list, await here.text('audit'), JSON.stringify([shown, data])];
      assert.ok(!JSON.stringify(all).includes(kSecret.slice(8)));
      await refused(here, 1, /--base-url/, 'provider', 'set', 'second', '--base-url', 'ftp://x');
      await refused(here, 1, /configuration file/, 'provider', 'remove', 'oa');
      const gone = await here.text('provider', 'remove', 'second');
      assert.match(gone.stdout, /^deleted provider \d+ "second"$/m);
      await refused(here, 1, /no such provider/i, 'provider', 'show', 'second');
    });

    test('rules and groups go the same way, and a draft goes in as a whole', async () => {
      await here.text('group', 'add', 'pool', '--member', 'oa,weight=3', '--member', 'an,model=x');
      const group = (await here.json('group', 'list')).data.find(({ name }) => name === 'pool');
      assert.deepEqual(group.members, [
        { target: 'oa', model: '', weight: 3 },
        { target: 'an', model: 'x', weight: 1 },
      ]);
      assert.match((await here.text('group', 'list')).stdout, /oa:3,an:x:1/);
      const rule = await here.json('rule', 'add', 'prefix', 'mock-*', 'pool', '--priority', '-5');
      assert.equal(rule.priority, -5);
      await here.text('rule', 'set', String(rule.id), '--target', 'oa');
      assert.equal((await here.json('rule', 'show', String(rule.id))).target, 'oa');

      const draft = await here.json('route', 'show');
      draft.rules[0].priority = 7;
      const file = fileWith(here, 'draft.json', JSON.stringify(draft));
      const applied = await here.json('route', 'apply', file);
      assert.equal(applied.rules[0].priority, 7);
      await refused(here, 1, /changed/, 'route', 'apply', file);
      if (running) {
        const dry = await here.json('route', 'dry-run', '--draft', file);
        assert.equal(dry.total.requests, 0);
      } else {
        await refused(here, 1, /no gateway runs/, 'route', 'dry-run');
      }
      const explained = await here.json('route', 'explain', 'mock-c1');
      assert.equal(explained.model, 'mock-c1');

      await here.text('rule', 'remove', String(rule.id));
      await refused(here, 1, /no such entry/i, 'rule', 'remove', String(rule.id));
      await here.text('group', 'remove', String(group.id));
      assert.deepEqual((await here.json('route', 'show')).rules, []);
    });

    test('users, teams, keys and codes are all dealt with', async () => {
      const password = fileWith(here, 'password', `${kPassword}\n`);
      for (const name of ['ann', 'ben']) {
        await here.json('user', 'add', name, '--password-file', password);
      }
      await here.text('user', 'set', 'ann', '--email', 'ann@example.com');
      assert.equal((await here.json('user', 'show', 'ann')).user.email, 'ann@example.com');
      await here.text('user', 'set', 'ann', '--email', '');
      assert.equal((await here.json('user', 'show', 'ann')).user.email, '');
      const { stdout: invitation } = await here.text('user', 'invite', '--admin');
      assert.match(invitation, /^inv_\S+\n\n?$/);
      const [invite] = (await here.json('user', 'invite', 'list')).data;
      assert.equal(invite.role, 'administrator');
      await here.text('user', 'invite', 'remove', String(invite.id));
      assert.deepEqual((await here.json('user', 'invite', 'list')).data, []);
      assert.deepEqual((await here.json('user', 'session', 'list', 'ann')).data, []);
      await refused(here, 1, /no such user/i, 'user', 'session', 'list', 'nobody');

      const { team } = await here.json('team', 'add', 'red', '--as', 'ann');
      const id = String(team.id);
      await here.text('team', 'member', 'add', id, 'ben', '--budget-month', '50');
      await here.text('team', 'member', 'set', id, 'ben', '--budget-day', '1.5');
      const members = (await here.json('team', 'member', 'list', id)).data;
      assert.deepEqual(
        members.map(({ username, role }) => [username, role]),
        [
          ['ann', 'owner'],
          ['ben', 'member'],
        ],
      );
      assert.deepEqual(members[1].budgets, { day: '1.5', week: null, month: '50' });
      await refused(here, 1, /owner/i, 'team', 'set', id, '--name', 'blue', '--as', 'ben');
      await here.text('team', 'set', id, '--name', 'blue');
      assert.match((await here.text('team', 'list')).stdout, /\bblue\b/);
      const { data: noted } = await here.json('audit', '--limit', '1');
      assert.match(noted[0].actor, /^shell:\d+ for ann$/);
      await here.text('team', 'member', 'remove', id, 'ben');
      await here.text('team', 'remove', id);

      const made = await here.text('wallet', 'code', 'add', '2.5');
      const code = fileWith(here, 'code', made.stdout);
      await here.text('wallet', 'redeem', 'ann', '--code-file', code);
      assert.equal((await here.json('wallet', 'show', 'ann')).balance, '2.5');
      await refused(here, 1, /redeemed/, 'wallet', 'redeem', 'ben', '--code-file', code);
      assert.equal((await here.json('wallet', 'verify')).equal, true);
    });

    test('prices have a history and a preview, settings a source', async () => {
      await here.text('price', 'set', 'm', '2', '4');
      await here.text('price', 'set', 'm', '3', '6', '--for', 'group:friends');
      await here.text('price', 'set', 'm', '1', '4');
      const { data } = await here.json('price', 'history', '--model', 'm');
      assert.equal(data.length, 3);
      const preview = await here.json('price', 'preview', '--price', 'm,input=1,output=2');
      assert.equal(preview.total.requests, 0);
      await refused(here, 2, /--price/, 'price', 'preview', '--price', 'm,1,2');
      const settings = await here.json('settings');
      const folder = settings.data.find(({ name }) => name === 'data_dir');
      assert.equal(folder.source, 'file');
      assert.match((await here.text('usage', 'margin')).stdout, /nothing/);
    });

    test('a name does nothing but name', async () => {
      const hostile = ["'; DROP TABLE users; --", 'naïve 日本', '%2e%2e/x?y#z', '"}', 'a/b', '..'];
      for (const name of hostile) {
        await refused(here, 1, /no such|no wallet|not/i, 'user', 'show', name);
        await refused(here, 1, /./, 'provider', 'show', name);
        await refused(here, 1, /./, 'user', 'session', 'list', name);
        await here.text('wallet', 'top-up', name, '1', '--reason', name);
        assert.equal((await here.json('wallet', 'show', name)).user, name);
        const { data } = await here.json('wallet', 'entries', name);
        assert.equal(data[0].reason, name);
        const { code } = await here.sluice('key', 'add', name, '--user', name);
        assert.equal(code, 0);
        const [key] = (await here.json('key', 'list', '--user', name)).data;
        assert.equal(key.name, name);
      }
      const dash = (...words) => run([...words, '--config', here.file, '--', '-dash', '1']);
      assert.equal((await dash('wallet', 'top-up')).code, 0);
      const { data: all } = await here.json('wallet', 'list');
      assert.equal(all.find(({ user }) => user === '-dash').balance, '1');
      await refused(here, 2, /empty/, 'user', 'show', '');
      await refused(here, 2, /empty/, 'usage', 'list', '--user', '');
      await refused(here, 2, /see sluice wallet show --help/, 'wallet', 'show', '-dash');
      assert.ok((await here.json('user', 'list')).data.length >= hostile.length);
      assert.equal((await here.json('wallet', 'verify')).equal, true);
    });

    if (!running) {
      test('what only a gateway that runs knows is told so', async () => {
        for (const args of [
          ['worker', 'list'],
          ['worker', 'drain', 'x'],
          ['live', 'list'],
          ['live', 'cancel', 'x'],
        ]) {
          await refused(here, 1, /no gateway runs in /, ...args);
        }
      });
    } else {
      test('workers and live requests are listed', async () => {
        assert.match((await here.text('worker', 'list')).stdout, /nothing/);
        await refused(here, 1, /x/, 'worker', 'drain', 'x');
        assert.equal(typeof (await here.json('live', 'list')), 'object');
        await refused(here, 1, /no request/, 'live', 'cancel', 'x');
      });
    }
  });
}

describe('wrong usage', () => {
  for (const args of [
    ['provider'],
    ['provider', 'fly'],
    ['provider', 'add', 'x'],
    ['provider', 'add', 'x', 'nonsense'],
    ['provider', 'add', 'x', 'openai', '--key-file', '/no/such/file'],
    ['provider', 'add', 'x', 'openai', '--key-env', 'NO_SUCH_VARIABLE'],
    ['provider', 'add', 'x', 'openai', '--settings', '{broken'],
    ['provider', 'set', 'x'],
    ['provider', 'set', 'x', '--enable', '--disable'],
    ['rule', 'add', 'exact', 'a'],
    ['rule', 'set', 'x', '--target', 'y'],
    ['rule', 'add', 'exact', 'a', 'b', '--priority', 'high'],
    ['group', 'add', 'g'],
    ['group', 'add', 'g', '--member', 'oa,weight=much'],
    ['route', 'apply'],
    ['route', 'apply', '/no/such/file'],
    ['team', 'add', 'red'],
    ['user', 'role', 'ann', 'king'],
    ['user', 'session', 'list'],
    ['key', 'set', '1', '--rpm', 'many'],
    ['usage', 'summary', 'hour'],
    ['audit', '--limit', '0'],
    ['audit', '--json', '--csv'],
    ['worker', 'drain'],
  ]) {
    test(`sluice ${args.join(' ')} exits with 2 and one line`, async () => {
      const { code, stdout, stderr } = await run(args, { cwd: temporaryFolder() });
      assert.equal(code, 2, stderr);
      assert.equal(stdout.trim(), '');
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    });
  }

  for (const noun of ['provider', 'rule', 'group', 'route', 'team', 'worker', 'live', 'audit']) {
    test(`sluice ${noun} --help says what it can, with an example for each`, async () => {
      const { code, stdout } = await run([noun, '--help']);
      assert.equal(code, 0);
      const [, list] = stdout.split('Subcommands:\n');
      for (const [, name] of list.matchAll(/^ {2}([a-z-]+)/gm)) {
        const below = await run([noun, name, '--help']);
        assert.equal(below.code, 0);
        assert.match(below.stdout, /Example: sluice |Subcommands:/, `${noun} ${name}`);
      }
    });
  }
});

test('a change names the version that was read, and a conflict is told', async () => {
  const here = place(mock);
  mkdirSync(here.data_dir);
  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push([request.method, request.url, request.headers['if-match']]);
    request.resume();
    const [status, body] =
      request.method === 'GET' ? [200, '{"id":3}'] : [412, '{"error":{"message":"it has changed"}}'];
    response.writeHead(status, { etag: '"7"', 'content-length': body.length });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(here.socket, resolve));
  await refused(here, 1, /somebody else/, 'provider', 'set', 'second', '--disable');
  server.close();
  assert.deepEqual(asked, [
    ['GET', '/api/admin/providers/second', undefined],
    ['PATCH', '/api/admin/providers/second', '"7"'],
  ]);
});

/// A port that nobody has.
async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a shell is enough from an empty folder to a call that is paid for', async () => {
  const cwd = temporaryFolder();
  const port = await freePort();
  const gateway = new Sluice(['serve', '--set', 'server.drain_min=0s'], {
    cwd,
    env: { PORT: String(port) },
  });
  await gateway.listening(/^Starting server on :(\d+)$/);
  const sluice = async (...args) => {
    const { code, stdout, stderr } = await run(args, { cwd, env: { THE_KEY: kSecret } });
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const json = async (...args) => JSON.parse(await sluice(...args, '--json'));
  writeFileSync(path.join(cwd, 'password'), `${kPassword}\n`);

  await sluice('user', 'add', 'root', '--admin', '--password-file', 'password');
  await sluice(
    ...['provider', 'add', 'up', 'openai', '--base-url', `${mock.url}/v1`],
    ...['--key-env', 'THE_KEY', '--default'],
  );
  assert.equal((await json('provider', 'test', 'up')).ok ?? true, true);
  await sluice('price', 'set', '*', '2.50', '10');
  await sluice('user', 'add', 'ann', '--password-file', 'password');
  await sluice('wallet', 'top-up', 'ann', '1');
  const key = (await sluice('key', 'add', 'laptop', '--user', 'ann', '--rpm', '60')).trim();

  const call = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify(chat('mock-c20')),
    });
    await answer.text();
    return answer.status;
  };
  assert.equal(await call(), 200);

  const [row] = (await json('usage')).data;
  assert.equal(row.user, 'ann');
  assert.equal(row.provider, 'up');
  assert.ok(Number(row.cost) > 0);
  const story = await sluice('usage', 'show', row.id);
  assert.match(story, new RegExp(`^cost +${row.cost.replace('.', '\\.')}$`, 'm'));
  assert.match(story, /^CLASS +TOKENS/m);
  const sums = await json('usage', 'summary', 'user,model', '--tz', 'Europe/Berlin');
  assert.equal(sums.total.cost, row.cost);
  assert.match(await sluice('usage', 'export'), /^id,at,/);
  const wallet = await json('wallet', 'show', 'ann');
  assert.equal((1 - Number(wallet.balance)).toFixed(9), Number(row.cost).toFixed(9));
  assert.equal((await json('wallet', 'verify')).equal, true);

  const long = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ ...chat('mock-c5000-i10'), stream: true }),
  });
  const ended = long.text();
  const [live] = (await json('live', 'list')).running;
  assert.equal(live.model, 'mock-c5000-i10');
  assert.equal((await json('live', 'cancel', live.id)).requests, 1);
  assert.ok(!(await ended).includes('[DONE]'));

  const id = String((await json('key', 'list', '--user', 'ann')).data[0].id);
  await sluice('key', 'remove', id);
  assert.equal(await call(), 401);
  assert.match(await sluice('audit', '--subject', id), /DELETE \/api\/admin\/keys\/\{id\}/);
  const log = readFileSync(path.join(cwd, 'data', 'sluice.db'));
  assert.ok(!log.includes(kSecret) && !gateway.stdout.text.includes(kSecret));
});
