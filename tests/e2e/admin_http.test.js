// Administration over HTTP: wallets, keys, usage, and requests that run.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { admin, kAdminToken, place } from '../harness/administration.mjs';
import { chat } from '../harness/clients.mjs';
import { kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { until } from '../harness/until.mjs';

const mock = await startMock();

async function status(gateway, key) {
  const answer = await gateway.post('/v1/chat/completions', chat('mock-c1'), {
    authorization: `Bearer ${key}`,
  });
  await answer.text();
  return answer.status;
}

describe('over HTTP', async () => {
  const here = place(mock);
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
    await until('the key to work', async () => {
      const value = await status(gateway, key);
      return { done: value === 200, value };
    });
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
    const long = (await here.text('usage', '--limit', '100000', '--csv')).stdout.trim();
    assert.equal(long.match(/^id,at,/gm).length, 1);
    const summary = await here.text('usage', 'summary', 'key');
    assert.match(summary.stdout, /^KEY +REQUESTS/);
    assert.match(summary.stdout, /^counted +3 /m);
    assert.match(summary.stdout, /^total +/m);
    assert.equal((await here.json('usage', '--limit', '2')).data.length, 2);
  });

  test('a gateway without a token answers this machine, and no web page on it', async () => {
    const open = place(mock, { auth: {} });
    const local = await startGateway(open.config);
    const ask = (headers) => fetch(`${local.url}/api/admin/wallets`, { headers });
    assert.equal((await ask({})).status, 200);
    assert.equal((await ask({ origin: 'https://evil.example' })).status, 403);
    assert.equal((await ask({ 'x-forwarded-for': '127.0.0.1' })).status, 403);
  });
});

describe('ending a request that runs', async () => {
  const here = place(mock, {
    models: [{ name: 'mock-c5000-i10', input: '1000', output: '1000' }],
    keys: [{ key: kClientKey, name: 'tester', user: 'hugo' }],
  });
  const gateway = await startGateway(here.config);
  await here.text('wallet', 'top-up', 'hugo', '100');

  const end = (method, route) =>
    fetch(`${gateway.url}/api/live/${route}`, {
      method,
      headers: { authorization: `Bearer ${kAdminToken}` },
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
        await fetch(`${gateway.url}/api/live`, { headers: { authorization: `Bearer ${kAdminToken}` } })
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
