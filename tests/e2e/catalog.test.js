// Providers and routing that stand in the database, beside the configuration file.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { ask, kAdminToken } from '../harness/administration.mjs';
import { selfSigned } from '../harness/certificates.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { header, startMock } from '../harness/mock.mjs';

const kSecret = 'sk-of-a-provider-in-the-database-0123456789';

async function gatewayFor(changes = {}, options = {}) {
  const mock = await startMock();
  const config = configFor(mock.url, { auth: { admin_token: kAdminToken }, ...changes });
  return { mock, config, gateway: await startGateway(config, options) };
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
    ['providers', added(mock, { settings: { ca_file: '/etc/passwd' } }), 'ca_file'],
    ['providers', added(mock, { settings: { ca_file: '/nowhere.pem' } }), 'ca_file'],
    ['providers', added(mock, { settings: { headers: { a: 'b' } } }), 'settings'],
    ['providers', added(mock, { headers: { connection: 'close' } }), 'headers'],
    ['providers', added(mock, { headers: { 'a b': 'c' } }), 'headers'],
    ['providers', added(mock, { headers: { a: 'b\r\nc: d' } }), 'headers'],
    ['providers', added(mock, { headers: { a: 1 } }), 'headers'],
    ['providers', added(mock, { headers: ['a'] }), 'headers'],
    ['providers', added(mock, { api_keys: Array(65).fill(kSecret) }), 'api_keys'],
    ['providers', added(mock, { settings: { timeouts: { connect: 'soon' } } }), 'timeouts'],
    ['providers', added(mock, { version: 7 }), 'version'],
    ['routing/rules', { type: 'exact', pattern: 'x', target: 'nowhere' }, 'target'],
    ['routing/rules', { type: 'exact', pattern: 'x*', target: 'oa' }, 'pattern'],
    ['routing/rules', { type: 'regex', pattern: 'x', target: 'oa' }, 'type'],
    ['routing/groups', { name: 'g', members: [] }, 'members'],
    ['routing/groups', { name: 'g', members: [{ target: 'nowhere' }] }, 'members'],
    ['routing/groups', { name: 'g', members: [{ target: 'oa', evil: 1 }] }, 'members'],
    ['routing/groups', { name: 'g', strategy: 'best', members: [{ target: 'oa' }] }, 'strategy'],
    ['routing/groups', { name: 'g', affinity: 'some', members: [{ target: 'oa' }] }, 'affinity'],
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

test('a provider has up to 64 keys, which come and go one by one', async () => {
  const { mock, gateway } = await gatewayFor();
  const made = await ask(gateway, 'POST', 'providers', added(mock));
  const keys = `providers/${made.json.id}/keys`;
  assert.equal((await ask(gateway, 'POST', keys, { api_key: 'sk-second-012345' })).status, 412);
  let etag = made.etag;
  const change = async (method, route, body) => {
    const answer = await ask(gateway, method, route, body, { 'if-match': etag });
    etag = answer.etag ?? etag;
    return answer;
  };
  const two = await change('POST', keys, { api_key: 'sk-second-012345' });
  assert.equal(two.status, 201, two.text);
  assert.equal(two.json.key_count, 2);
  assert.deepEqual(
    two.json.api_keys.map((each) => each.slice(0, 6)),
    [kSecret.slice(0, 6), 'sk-sec'],
  );
  assert.equal((await change('POST', keys, { api_key: kSecret })).status, 409, 'it is there');

  const listed = (await ask(gateway, 'GET', keys)).json.data;
  assert.deepEqual(Object.keys(listed[0]), ['id', 'prefix']);
  const gone = await change('DELETE', `${keys}/${listed[0].id}`);
  assert.equal(gone.status, 200, gone.text);
  assert.equal((await change('DELETE', `${keys}/${listed[0].id}`)).status, 404);
  await ask(gateway, 'POST', 'routing/rules', { type: 'exact', pattern: 'm', target: 'second' });
  assert.equal(await provider(gateway, 'm'), 'second');
  const [asked] = (await mock.requestsFor('m')).slice(-1);
  assert.equal(header(asked, 'authorization'), 'Bearer sk-second-012345');

  const many = Array.from({ length: 64 }, (_, i) => `sk-${i}-${'x'.repeat(150)}`);
  const full = await change('PATCH', `providers/${made.json.id}`, { api_keys: many });
  assert.equal(full.json.key_count, 64, full.text);
  assert.equal((await change('POST', keys, { api_key: 'sk-one-too-many' })).status, 409);
  assert.ok(!readFileSync(path.join(gateway.folder, 'data', 'sluice.db')).includes(many[7]));
});

test('header fields of a provider are sent, and shown to nobody', async () => {
  const { mock, gateway } = await gatewayFor();
  const made = await ask(
    gateway,
    'POST',
    'providers',
    added(mock, { headers: { 'X-Team': 'blue-and-secret', 'x-org': 'an-organisation' } }),
  );
  assert.deepEqual(made.json.headers, { 'X-Team': '***', 'x-org': '***' }, made.text);
  await ask(gateway, 'POST', 'routing/rules', { type: 'prefix', pattern: 'h-', target: 'second' });
  await provider(gateway, 'h-1');
  const sent = async (model) => {
    const [asked] = (await mock.requestsFor(model)).slice(-1);
    return [header(asked, 'x-team'), header(asked, 'x-org'), header(asked, 'x-new')];
  };
  assert.deepEqual(await sent('h-1'), ['blue-and-secret', 'an-organisation', undefined]);

  const changed = await ask(
    gateway,
    'PATCH',
    `providers/${made.json.id}`,
    { headers: { 'x-team': '***', 'x-org': null, 'x-new': 'green' } },
    { 'if-match': made.etag },
  );
  assert.equal(changed.status, 200, changed.text);
  await provider(gateway, 'h-2');
  assert.deepEqual(await sent('h-2'), ['blue-and-secret', undefined, 'green']);
  const texts = [changed.text];
  for (const route of ['providers', 'settings', 'audit']) {
    texts.push((await ask(gateway, 'GET', route)).text);
  }
  for (const text of texts) assert.ok(!text.includes('blue-and'), text);
  assert.ok(!readFileSync(path.join(gateway.folder, 'data', 'sluice.db')).includes('blue-and'));
});

test('a provider of the database trusts what its ca_file has', async () => {
  const pair = selfSigned('upstream', 'DNS:localhost,IP:127.0.0.1');
  const upstream = https.createServer(
    { cert: readFileSync(pair.cert), key: readFileSync(pair.key) },
    (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          id: 'x',
          object: 'chat.completion',
          choices: [
            { index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' },
          ],
          usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
        }),
      );
    },
  );
  await new Promise((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  after(() => {
    upstream.closeAllConnections();
    upstream.close();
  });
  const { gateway } = await gatewayFor();
  const made = await ask(gateway, 'POST', 'providers', {
    name: 'second',
    type: 'openai',
    base_url: `https://127.0.0.1:${upstream.address().port}/v1`,
    settings: { ca_file: pair.cert },
  });
  assert.equal(made.status, 201, made.text);
  await ask(gateway, 'POST', 'routing/rules', { type: 'exact', pattern: 'm', target: 'second' });
  const answer = await gateway.post('/v1/chat/completions', {
    model: 'm',
    messages: [{ role: 'user', content: 'hi' }],
  });
  assert.equal(answer.status, 200, await answer.text());
});

test('a draft is tried against what was asked, and applied unless somebody was faster', async () => {
  const { mock, gateway } = await gatewayFor();
  await ask(gateway, 'POST', 'providers', added(mock));
  const kept = await ask(gateway, 'POST', 'routing/rules', {
    type: 'exact',
    pattern: 'mock-c1',
    target: 'oa',
  });
  for (const model of ['mock-c1', 'mock-c1', 'mock-c2']) assert.equal(await provider(gateway, model), 'oa');
  const { version, rules, groups } = (await ask(gateway, 'GET', 'routing')).json;
  assert.equal(rules.length, 1);
  assert.equal(groups.length, 0);

  const draft = {
    rules: [
      { id: kept.json.id, type: 'exact', pattern: 'mock-c1', target: 'pool' },
      { type: 'exact', pattern: 'other', target: 'second', model: 'mock-c3' },
    ],
    groups: [{ name: 'pool', members: [{ target: 'second' }] }],
  };
  const one = await ask(gateway, 'POST', 'routing/dry-run', { model: 'mock-c1', draft });
  assert.equal(one.status, 200, one.text);
  assert.match(one.text, /"second"/);
  const traffic = await ask(gateway, 'POST', 'routing/dry-run', { draft, traffic: { limit: 100 } });
  assert.equal(traffic.status, 200, traffic.text);
  assert.deepEqual(traffic.json.total, { requests: 3, changed: 2, unroutable: 0 });
  const by = Object.fromEntries(traffic.json.data.map((each) => [each.model, each]));
  assert.equal(by['mock-c1'].requests, 2);
  assert.deepEqual(by['mock-c1'].went, { oa: 2 });
  assert.equal(by['mock-c1'].live.provider, 'oa');
  assert.equal(by['mock-c1'].draft.provider, 'second');
  assert.equal(by['mock-c2'].changed, false);
  const live = await ask(gateway, 'POST', 'routing/dry-run', { traffic: {} });
  assert.deepEqual(live.json.total, { requests: 3, unroutable: 0 }, live.text);
  assert.equal(await provider(gateway, 'mock-c1'), 'oa', 'a draft is nobody\'s');

  const bad = { draft: { rules: [{ type: 'exact', pattern: 'x', target: 'nowhere' }] } };
  for (const [route, more] of [
    ['routing/dry-run', { traffic: {} }],
    ['routing/apply', { base_version: version }],
  ]) {
    const refused = await ask(gateway, 'POST', route, { ...bad, ...more });
    assert.equal(refused.status, 400, refused.text);
    assert.equal(refused.json.error.field, 'target');
  }
  const applied = await ask(gateway, 'POST', 'routing/apply', { draft, base_version: version });
  assert.equal(applied.status, 200, applied.text);
  assert.notEqual(applied.json.version, version);
  assert.equal(applied.json.rules[0].id, kept.json.id);
  assert.equal(await provider(gateway, 'mock-c1'), 'second');
  const late = await ask(gateway, 'POST', 'routing/apply', { draft: {}, base_version: version });
  assert.equal(late.status, 409, late.text);
  assert.equal(await provider(gateway, 'mock-c1'), 'second');
  const noted = (await ask(gateway, 'GET', 'audit?limit=1')).json.data[0];
  assert.equal(noted.action, 'POST /api/admin/routing/apply');
  assert.equal(noted.before.version, version);
  assert.equal(noted.after.version, applied.json.version);
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
       ('by-hand', 'openai', '${kSecret}\n${kSecret}-next', '${mock.url}/v1', 1, 1),
       ('broken', 'nonsense', '${kSecret}-2', '', 0, 1);
     INSERT INTO routing_rules (rule_type, pattern, provider_name, priority, enabled) VALUES
       ('prefix', 'hand-', 'by-hand', 10, 1), ('prefix', 'lost-', 'broken', 10, 1)`,
  );
  assert.ok(await reload(gateway));
  assert.equal(await provider(gateway, 'hand-made'), 'by-hand');
  for (const row of books.prepare('SELECT api_key FROM providers').all()) {
    assert.match(row.api_key, /^(sealed:v1:\S+\n?)+$/);
  }
  books.exec(`UPDATE providers SET headers = '{"x-team":"${kSecret}"}' WHERE name = 'by-hand'`);
  assert.ok(await reload(gateway));
  assert.equal(await provider(gateway, 'hand-with-headers'), 'by-hand');
  const [asked] = (await mock.requestsFor('hand-with-headers')).slice(-1);
  assert.equal(header(asked, 'x-team'), kSecret);
  const { headers } = books.prepare(`SELECT headers FROM providers WHERE name = 'by-hand'`).get();
  assert.match(headers, /^sealed:v1:/);
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
  assert.equal(used.json.key_count, 2);
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
