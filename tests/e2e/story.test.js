// The whole way of an account, on each of the three databases: an administrator registers, adds a
// provider and a price, tops up a colleague's wallet; the colleague makes a key, calls models with
// the official clients, and sees what each call has cost.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { all, anthropic, kHello, openai, refusal } from '../harness/clients.mjs';
import { kinds, placeFor, servers, startServer } from '../harness/databases.mjs';
import { startGateway } from '../harness/gateway.mjs';
import { costOf, kPrompt, nanos } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';

const kPassword = 'correct horse battery';
const kPrice = { input: '2.50', output: '10.00' };
const kCalls = 200;
const mock = await startMock();
for (const kind of servers) await startServer(kind);

async function ask(gateway, method, route, { token, body, headers = {} } = {}) {
  const answer = await fetch(gateway.url + route, {
    method,
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${route}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/// Registers, and logs in.
async function person(gateway, username) {
  const body = { username, email: `${username}@example.com`, password: kPassword };
  const { user } = await ask(gateway, 'POST', '/api/auth/register', { body });
  const { token } = await ask(gateway, 'POST', '/api/auth/login', { body: { username, password: kPassword } });
  return { user, token };
}

/// One of `kCalls` calls, of every kind; the tokens that were written.
async function callOf(clients, i) {
  const words = 1 + (i % 7);
  const model = `mock-c${words}`;
  switch (i % 4) {
    case 0: {
      const answer = await clients.openai.chat.completions.create({ model, messages: kHello });
      assert.equal(answer.usage.completion_tokens, words);
      break;
    }
    case 1: {
      const stream = await clients.openai.chat.completions.create({
        model,
        messages: kHello,
        stream: true,
      });
      assert.equal((await all(stream)).at(-1).choices[0].finish_reason, 'stop');
      break;
    }
    case 2: {
      const answer = await clients.anthropic.messages.create({
        model,
        max_tokens: 100,
        messages: kHello,
      });
      assert.equal(answer.usage.output_tokens, words);
      break;
    }
    default: {
      const stream = clients.anthropic.messages.stream({ model, max_tokens: 100, messages: kHello });
      assert.equal((await stream.finalMessage()).usage.output_tokens, words);
    }
  }
  return words;
}

for (const kind of kinds) {
  test(`the story of an account on ${kind}`, { timeout: 120_000 }, async () => {
    const place = await placeFor(kind);
    const gateway = await startGateway(
      {
        server: { host: '127.0.0.1', port: 0, drain_min: '0s' },
        logging: { level: 'warn' },
        ...place.changes,
      },
      place,
    );
    const { books } = place;

    // The administrator.
    const root = await person(gateway, 'root');
    assert.equal(root.user.role, 'administrator');
    await ask(gateway, 'POST', '/api/admin/providers', {
      token: root.token,
      body: {
        name: 'main',
        type: 'openai',
        base_url: `${mock.url}/v1`,
        api_keys: ['sk-upstream-0123456789'],
        default: true,
      },
    });
    for (let words = 1; words <= 7; words += 1) {
      await ask(gateway, 'POST', '/api/admin/models', {
        token: root.token,
        body: { model: `mock-c${words}`, ...kPrice },
      });
    }

    // The colleague.
    const ann = await person(gateway, 'ann');
    assert.equal(ann.user.role, 'user');
    const top = { amount: '1.50', reason: 'welcome', idempotency_key: 'once' };
    for (let i = 0; i < 2; i += 1) {
      await ask(gateway, 'POST', `/api/admin/users/${ann.user.id}/wallet/top-up`, {
        token: root.token,
        body: top,
      });
    }
    assert.equal((await ask(gateway, 'GET', '/api/wallet', { token: ann.token })).balance, '1.5');
    const made = await ask(gateway, 'POST', '/api/keys', { token: ann.token, body: { name: 'app' } });
    const clients = {
      openai: openai(gateway, { apiKey: made.key }),
      anthropic: anthropic(gateway, { apiKey: made.key }),
    };

    // 200 calls, eight at once.
    let next = 0;
    let written = 0;
    let cost = 0;
    const client = async () => {
      while (next < kCalls) {
        const i = next++;
        const words = await callOf(clients, i);
        written += words;
        cost += costOf(kPrice, kPrompt.openai, words);
      }
    };
    await Promise.all(Array.from({ length: 8 }, client));
    await books.settled();

    // The books, to the token and the nano-dollar.
    const rows = books.usage();
    assert.equal(rows.length, kCalls);
    const sum = (name) => rows.reduce((total, row) => total + Number(row[name]), 0);
    assert.equal(sum('output_tokens'), written);
    assert.equal(sum('input_tokens'), kCalls * kPrompt.openai);
    assert.equal(sum('cost'), cost);
    books.check();
    const wallet = await ask(gateway, 'GET', '/api/wallet', { token: ann.token });
    assert.equal(nanos(wallet.balance), nanos('1.50') - cost);
    assert.equal(nanos(wallet.held), 0);
    assert.equal(books.balance('ann'), nanos('1.50') - cost);

    // What she sees of it.
    const summary = await ask(gateway, 'GET', '/api/usage/summary?group_by=model', {
      token: ann.token,
    });
    assert.equal(summary.total.requests, kCalls);
    assert.equal(nanos(summary.total.cost), cost);
    const page = await ask(gateway, 'GET', '/api/usage?limit=3', { token: ann.token });
    assert.equal(page.data.length, 3);
    assert.ok(page.next_cursor);
    const story = await ask(gateway, 'GET', `/api/usage/${page.data[0].id}`, { token: ann.token });
    assert.ok(JSON.stringify(story).includes('decision'));
    assert.equal((await ask(gateway, 'POST', '/api/wallet/verify', { token: ann.token })).equal, true);

    // The key is deleted, and the next call knows.
    await ask(gateway, 'DELETE', `/api/keys/${made.id}`, { token: ann.token });
    const refused = await refusal(
      clients.openai.chat.completions.create({ model: 'mock-c1', messages: kHello }),
    );
    assert.equal(refused.status, 401);
  });
}
