// The audit log: who has changed what, and what was there before.
import assert from 'node:assert/strict';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { ask, kAdminToken } from '../harness/administration.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { until } from '../harness/until.mjs';

async function gatewayFor() {
  const mock = await startMock();
  const config = configFor(mock.url, { auth: { admin_token: kAdminToken } });
  return { mock, gateway: await startGateway(config) };
}

test('the audit log says who changed what', async () => {
  const { mock, gateway } = await gatewayFor();
  const made = await ask(gateway, 'POST', 'providers', {
    name: 'second',
    type: 'openai',
    base_url: mock.url,
  });
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

test('the audit log has what was there before, of every change, and is searched', async () => {
  const { gateway } = await gatewayFor();
  const done = async (method, route, body, headers) => {
    const answer = await ask(gateway, method, route, body, headers);
    assert.ok(answer.status < 300, `${method} ${route} ${answer.text}`);
    return answer;
  };
  const kPassword = 'a password of theirs';
  const last = async () => (await ask(gateway, 'GET', 'audit?limit=1')).json.data[0];
  const user = await done('POST', 'users', { username: 'alice', password: kPassword });
  assert.equal((await last()).before, null, 'of what is new there is none');
  const id = user.json.user.id;
  await done('PATCH', `users/${id}`, { email: 'a@example.com' }, { 'if-match': user.etag });
  let noted = await last();
  assert.notEqual(noted.before.user.email, 'a@example.com');
  assert.equal(noted.after.user.email, 'a@example.com');

  const key = await done('POST', 'keys', { name: 'k', user: 'alice', rpm: 5 });
  await done('PATCH', `keys/${key.json.id}`, { rpm: 6 }, { 'if-match': key.etag });
  noted = await last();
  assert.deepEqual([noted.before.rpm, noted.after.rpm], [5, 6]);
  await done('DELETE', `keys/${key.json.id}`);
  assert.equal((await last()).before.rpm, 6);

  await done('POST', 'users/alice/wallet/top-up', { amount: '3', idempotency_key: 'one' });
  noted = await last();
  assert.deepEqual([noted.before.balance, noted.after.wallet.balance], ['0', '3']);
  const price = { model: 'gpt-4o', input: '1', output: '2' };
  await done('POST', 'models', price);
  await done('POST', 'models', { ...price, input: '4' });
  noted = await last();
  assert.deepEqual([noted.before.input, noted.after.input], ['1', '4']);
  const codes = await done('POST', 'codes', { amount: '1' });
  await done('DELETE', `codes/${codes.json.data[0].id}`);
  assert.equal((await last()).before.amount, '1');
  const rule = await done('POST', 'routing/rules', { type: 'exact', pattern: 'a', target: 'oa' });
  await done('DELETE', `routing/rules/${rule.json.id}`, undefined, { 'if-match': rule.etag });
  assert.equal((await last()).before.pattern, 'a');

  const all = (await ask(gateway, 'GET', 'audit?limit=1000')).json.data;
  const search = async (query) =>
    (await ask(gateway, 'GET', `audit?limit=1000&${query}`)).json.data;
  const changes = 'PATCH /api/admin/users/{id}';
  const found = await search(`action=${encodeURIComponent(changes)}`);
  assert.deepEqual(found.map((each) => each.subject), [String(id)]);
  const hers = all.filter((each) => each.subject === 'alice');
  assert.equal((await search('target=alice')).length, hers.length);
  assert.equal((await search('actor=admin@127.0.0.1')).length, all.length);
  assert.equal((await search('actor=nobody')).length, 0);
  assert.equal((await search('from=2099-01-01')).length, 0);
  const seen = [];
  for (let cursor = ''; cursor !== undefined; ) {
    const page = await ask(gateway, 'GET', `audit?limit=3${cursor && `&cursor=${cursor}`}`);
    seen.push(...page.json.data.map((each) => each.id));
    cursor = page.json.next_cursor ?? undefined;
  }
  assert.deepEqual(seen, all.map((each) => each.id));
  const books = new DatabaseSync(path.join(gateway.folder, 'data', 'sluice.db'));
  const text = JSON.stringify(books.prepare('SELECT * FROM audit_log').all());
  for (const secret of [kPassword, key.json.key, codes.json.data[0].code]) {
    assert.ok(!text.includes(secret));
  }
});

test('the audit log says who has drained a worker', async () => {
  const { gateway } = await gatewayFor();
  const beat = { worker_id: 'gpu', supported: ['m'], active_tasks: 0, max_tasks: 1 };
  const sent = await fetch(`${gateway.url}/v1/workers/heartbeat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...beat, total_vram: 1, available_vram: 1 }),
  });
  assert.equal(sent.status, 200, await sent.text());
  assert.equal((await ask(gateway, 'DELETE', 'workers/gpu')).status, 200);
  const noted = await until('the entry', async () => {
    const [entry] = (await ask(gateway, 'GET', 'audit?target=gpu')).json.data;
    return { done: entry !== undefined, value: entry };
  });
  assert.equal(noted.action, 'DELETE /api/admin/workers/{id}');
  assert.equal(noted.actor, 'admin@127.0.0.1');
});
