// Providers and routing that stand in the database, beside the configuration file.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { admin, kAdminToken } from '../harness/administration.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';

const kSecret = 'sk-of-a-provider-in-the-database-0123456789';

async function gatewayFor(changes = {}, options = {}) {
  const mock = await startMock();
  const config = configFor(mock.url, { auth: { admin_token: kAdminToken }, ...changes });
  return { mock, config, gateway: await startGateway(config, options) };
}

async function ask(gateway, method, route, body, headers) {
  const answer = await admin(gateway, method, route, body, headers);
  const text = await answer.text();
  return { status: answer.status, etag: answer.headers.get('etag'), text, json: JSON.parse(text) };
}

async function provider(gateway, model) {
  const answer = await gateway.post('/v1/chat/completions', {
    model,
    messages: [{ role: 'user', content: 'hi' }],
  });
  await answer.text();
  return answer.headers.get('x-sluice-provider');
}

const added = (mock, more = {}) => ({
  name: 'second',
  type: 'openai',
  base_url: `${mock.url}/v1`,
  api_keys: [kSecret],
  ...more,
});

function database(gateway) {
  return new DatabaseSync(path.join(gateway.folder, 'data', 'sluice.db'));
}

async function reload(gateway) {
  const from = gateway.stdout.seen.length;
  gateway.kill('SIGHUP');
  const line = await gateway.stdout.first(/\b(reloaded|reload refused)\b/, { from });
  return !line.includes('refused');
}

test('a provider and a rule made through the API are used at once, and gone at once', async () => {
  const { mock, gateway } = await gatewayFor();
  const made = await ask(gateway, 'POST', 'providers', added(mock));
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.api_keys.length, 1);
  assert.ok(made.json.api_keys[0].startsWith(kSecret.slice(0, 6)));
  assert.equal(made.json.source, 'database');
  const rule = await ask(gateway, 'POST', 'routing/rules', {
    type: 'exact',
    pattern: 'mine',
    target: 'second',
  });
  assert.equal(rule.status, 201, rule.text);
  assert.equal(await provider(gateway, 'mine'), 'second');

  const needed = await ask(gateway, 'DELETE', `providers/${made.json.id}`, undefined, {
    'if-match': made.etag,
  });
  assert.equal(needed.status, 400, 'a rule needs it');
  assert.match(needed.json.error.message, /there is no provider or group "second"/);
  assert.equal(await provider(gateway, 'mine'), 'second');

  const gone = await ask(gateway, 'DELETE', `routing/rules/${rule.json.id}`, undefined, {
    'if-match': rule.etag,
  });
  assert.equal(gone.status, 200, gone.text);
  assert.equal(await provider(gateway, 'mine'), 'oa');
});

test('a change needs the version that was read', async () => {
  const { mock, gateway } = await gatewayFor();
  const made = await ask(gateway, 'POST', 'providers', added(mock));
  const target = `providers/${made.json.id}`;
  assert.equal((await ask(gateway, 'PATCH', target, { enabled: false })).status, 412);
  const match = { 'if-match': made.etag };
  const changed = await ask(gateway, 'PATCH', target, { enabled: false }, match);
  assert.equal(changed.status, 200, changed.text);
  assert.equal(changed.json.enabled, false);
  assert.equal((await ask(gateway, 'PATCH', target, { enabled: true }, match)).status, 412);
  assert.equal((await ask(gateway, 'GET', 'providers/second')).etag, changed.etag);
  assert.equal((await ask(gateway, 'POST', 'providers', added(mock))).status, 400);
});

test('what cannot hold is refused with its field, and nothing changes', async () => {
  const { mock, gateway } = await gatewayFor();
  const bad = [
    ['providers', added(mock, { type: 'nonsense' }), 'type'],
    ['providers', added(mock, { base_url: 'ftp://x' }), 'base_url'],
    ['providers', added(mock, { name: 'a b' }), 'name'],
    ['providers', added(mock, { name: 'workers' }), 'name'],
    ['providers', added(mock, { settings: { ca_file: '/etc/passwd' } }), 'settings'],
    ['providers', added(mock, { settings: { timeouts: { connect: 'soon' } } }), 'timeouts'],
    ['providers', added(mock, { version: 7 }), 'version'],
    ['routing/rules', { type: 'exact', pattern: 'x', target: 'nowhere' }, 'target'],
    ['routing/rules', { type: 'exact', pattern: 'x*', target: 'oa' }, 'pattern'],
    ['routing/rules', { type: 'regex', pattern: 'x', target: 'oa' }, 'type'],
    ['routing/groups', { name: 'g', members: [] }, 'members'],
    ['routing/groups', { name: 'g', members: [{ target: 'nowhere' }] }, 'members'],
    ['routing/groups', { name: 'g', members: [{ target: 'oa', evil: 1 }] }, 'members'],
    ['routing/groups', { name: 'g', strategy: 'best', members: [{ target: 'oa' }] }, 'strategy'],
  ];
  for (const [route, body, field] of bad) {
    const answer = await ask(gateway, 'POST', route, body);
    assert.equal(answer.status, 400, `${route} ${JSON.stringify(body)} ${answer.text}`);
    assert.equal(answer.json.error.field, field, answer.text);
    assert.ok(!answer.text.includes(kSecret));
  }
  for (const table of ['providers', 'routing_rules', 'load_balance_groups']) {
    assert.equal(database(gateway).prepare(`SELECT COUNT(*) AS n FROM ${table}`).get().n, 0);
  }
});

test('the configuration file wins, and the API says so', async () => {
  const { mock, gateway } = await gatewayFor({
    routing: { rules: [{ type: 'prefix', pattern: 'gpt-*', target: 'oa' }] },
  });
  const same = await ask(gateway, 'POST', 'providers', added(mock, { name: 'oa' }));
  assert.equal(same.status, 201, same.text);
  assert.equal(same.json.shadowed, true);
  assert.equal(same.json.in_force, false);
  const second = await ask(gateway, 'POST', 'providers', added(mock, { default: true }));
  assert.equal(second.json.default, false, 'the file has a default of this dialect');
  const rule = await ask(gateway, 'POST', 'routing/rules', {
    type: 'prefix',
    pattern: 'gpt-',
    target: 'second',
    priority: 100,
  });
  assert.equal(rule.json.shadowed, true);
  assert.equal(await provider(gateway, 'gpt-4o'), 'oa');
  const list = (await ask(gateway, 'GET', 'providers')).json.data;
  assert.deepEqual(
    list.map((each) => [each.name, each.source, each.shadowed]),
    [
      ['oa', 'file', false],
      ['an', 'file', false],
      ['oa', 'database', true],
      ['second', 'database', false],
    ],
  );
  const change = await ask(gateway, 'PATCH', 'providers/an', { enabled: false });
  assert.equal(change.status, 409, 'the file is the operator\'s');
});

test('rows inserted by hand are taken on SIGHUP, encrypted, and left out when bad', async () => {
  const { mock, gateway, config } = await gatewayFor();
  const books = database(gateway);
  books.exec(
    `INSERT INTO providers (name, type, api_key, base_url, is_default, enabled) VALUES
       ('by-hand', 'openai', '${kSecret}', '${mock.url}/v1', 1, 1),
       ('broken', 'nonsense', '${kSecret}-2', '', 0, 1);
     INSERT INTO routing_rules (rule_type, pattern, provider_name, priority, enabled) VALUES
       ('prefix', 'hand-', 'by-hand', 10, 1), ('prefix', 'lost-', 'broken', 10, 1)`,
  );
  assert.ok(await reload(gateway));
  assert.equal(await provider(gateway, 'hand-made'), 'by-hand');
  for (const row of books.prepare('SELECT api_key FROM providers').all()) {
    assert.match(row.api_key, /^sealed:v1:/);
  }
  const list = (await ask(gateway, 'GET', 'providers')).json.data;
  assert.match(list.find((each) => each.name === 'broken').problem, /type must be one of/);
  const rules = (await ask(gateway, 'GET', 'routing/rules')).json.data;
  assert.match(rules.find((each) => each.pattern === 'lost-').problem, /no provider or group/);
  assert.equal(statSync(path.join(gateway.folder, 'data', 'secret_key')).mode & 0o777, 0o600);
  books.close();

  await gateway.stop();
  const again = await startGateway(config, { folder: gateway.folder });
  assert.equal(await provider(again, 'hand-made'), 'by-hand', 'the key is read again');
  const used = await ask(again, 'GET', 'providers/by-hand');
  assert.ok(used.json.api_keys[0].startsWith(kSecret.slice(0, 6)));
});

test('no answer, log or audit row has a secret', async () => {
  const { mock, gateway } = await gatewayFor();
  const made = await ask(gateway, 'POST', 'providers', added(mock));
  const changed = await ask(
    gateway,
    'PATCH',
    `providers/${made.json.id}`,
    { api_keys: [`${kSecret}-next`] },
    { 'if-match': made.etag },
  );
  assert.equal(changed.status, 200, changed.text);
  const answers = [made.text, changed.text];
  for (const route of ['providers', `providers/${made.json.id}`, 'settings', 'audit']) {
    answers.push((await ask(gateway, 'GET', route)).text);
  }
  for (const text of answers) assert.ok(!text.includes(kSecret), text);
  assert.ok(!gateway.stdout.seen.join('\n').includes(kSecret));
  const rows = database(gateway).prepare('SELECT * FROM audit_log').all();
  assert.equal(rows.length, 2);
  assert.ok(!JSON.stringify(rows).includes(kSecret));
  assert.ok(!readFileSync(path.join(gateway.folder, 'data', 'sluice.db')).includes(kSecret));
});

test('the audit log says who changed what', async () => {
  const { mock, gateway } = await gatewayFor();
  const made = await ask(gateway, 'POST', 'providers', added(mock));
  const target = `providers/${made.json.id}`;
  await ask(gateway, 'PATCH', target, { enabled: false }, { 'if-match': made.etag });
  await ask(gateway, 'POST', 'providers', { name: 'refused' });
  await fetch(`${gateway.url}/api/auth/login`, {
    method: 'POST',
    body: JSON.stringify({ username: 'nobody', password: 'wrong password' }),
  });
  const all = (await ask(gateway, 'GET', 'audit')).json.data;
  assert.deepEqual(
    all.map((each) => each.action),
    ['login refused', 'PATCH /api/admin/providers/{id}', 'POST /api/admin/providers'],
  );
  assert.equal(all[0].subject, 'nobody');
  assert.equal(all[1].subject, String(made.json.id));
  assert.equal(all[1].actor, 'admin@127.0.0.1');
  assert.equal(all[1].before.enabled, true);
  assert.equal(all[1].after.enabled, false);
  const page = (await ask(gateway, 'GET', 'audit?limit=1')).json;
  const next = (await ask(gateway, 'GET', `audit?limit=1&cursor=${page.next_cursor}`)).json;
  assert.equal(next.data[0].id, all[1].id);
  const one = (await ask(gateway, 'GET', `audit?subject=${made.json.id}`)).json.data;
  assert.equal(one.length, 1);
});

test('settings tell where a value comes from', async () => {
  const { mock, gateway } = await gatewayFor({}, { args: ['--set', 'server.threads=1'] });
  await ask(gateway, 'POST', 'providers', added(mock));
  const settings = (await ask(gateway, 'GET', 'settings')).json.data;
  const by = (name) => settings.find((each) => each.name === name);
  assert.equal(by('server.threads').source, 'command_line');
  assert.equal(by('server.threads').value, 1);
  assert.equal(by('server.threads').needs_restart, true);
  assert.equal(by('providers.0.name').source, 'file');
  assert.equal(by('providers.2.name').source, 'database');
  assert.equal(by('routing.retry.attempts').source, 'default');
  assert.equal(by('auth.admin_token').secret, true);
  assert.notEqual(by('auth.admin_token').value, kAdminToken);
});
