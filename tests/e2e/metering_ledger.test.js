// The ledger cannot be written: nobody is let in unaccounted, nothing is lost, and it mends itself.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { anthropic, chat, message, refusal } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { Books, call, sluiceJson } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { run } from '../harness/processes.mjs';
import { until } from '../harness/until.mjs';

const mock = await startMock();
const key = 'sk-ledger-0123456789';

async function start(options) {
  const config = configFor(mock.url, { keys: [{ key, name: 'ledger', quota_tokens: 1_000_000 }] });
  const gateway = await startGateway(config, options);
  gateway.books = new Books(gateway.folder);
  gateway.ask = (id, more = {}) => call(gateway, { key, id, body: chat('mock-c20'), ...more });
  return gateway;
}

/// Asks until the gateway has noticed. `served` waits for the calls that were let in before, whose
/// ends wait for the ledger, and returns the ids of those that were served.
async function untilRefused(gateway, name) {
  const asked = [];
  const refused = await until('a refusal', async () => {
    const id = `${name}-${asked.length}`;
    const each = { id, answer: gateway.ask(id) };
    asked.push(each);
    each.answer.then((answer) => (each.status = answer.status));
    const done = asked.find(({ status }) => status === 503);
    return { done: done !== undefined, value: done?.answer };
  });
  const served = async () => {
    const answers = await Promise.all(asked.map(({ answer }) => answer));
    return asked.filter((_, i) => answers[i].status === 200).map(({ id }) => id);
  };
  return { refused, served };
}

function assertUnavailable(answer) {
  assert.equal(answer.status, 503);
  assert.equal(answer.error.type, 'server_error');
  assert.equal(answer.error.code, 'ledger_unavailable');
  assert.ok(Number(answer.headers['retry-after']) >= 1);
}

const untilServed = (gateway, name) =>
  until('the gateway to serve again', async () => {
    const { status } = await gateway.ask(name);
    return { done: status === 200, value: status };
  });

describe('a database that another process has locked', async () => {
  const gateway = await start();

  test('refuses new calls in both dialects, and mends itself without a loss', async () => {
    await gateway.ask('before');
    // One that is on its way when the lock comes.
    const running = gateway.ask('running', { body: chat('mock-c200-i5', { stream: true }) });
    await mock.countsOf('mock-c200-i5', { requests: 1 });
    const release = gateway.books.lock();
    let refused, served;
    try {
      ({ refused, served } = await untilRefused(gateway, 'locked'));
      assertUnavailable(refused);
      const before = (await mock.stats()).requests;
      const other = await gateway.ask('an', { route: '/v1/messages', body: message('mock-c20') });
      assert.equal(other.status, 503);
      assert.equal(other.error.type, 'api_error');
      assert.ok(Number(other.headers['retry-after']) >= 1);
      const failed = await refusal(
        anthropic(gateway, { apiKey: key }).messages.create(message('mock-c20')),
      );
      assert.equal(failed.status, 503);
      assert.equal((await mock.stats()).requests, before, 'an upstream was asked');
      // What does not cost anything goes on.
      assert.equal((await gateway.get('/health')).status, 200);
      const ready = await gateway.get('/ready');
      assert.equal(ready.status, 503);
      assert.match(await ready.text(), /ledger/);
    } finally {
      release();
    }
    await untilServed(gateway, 'after');
    await running;
    await served();
    await gateway.books.settled();
    for (const id of ['before', 'running', ...(await served()), 'after']) {
      assert.equal(gateway.books.rowsOf(id).length, 1, id);
    }
    assert.equal(gateway.books.rowsOf('running')[0].output_tokens, 200);
    gateway.books.check();
    assert.equal((await gateway.get('/ready')).status, 200);
  });

  test('for a moment is not noticed by anybody', async () => {
    const calls = [];
    for (let round = 0; round < 5; ++round) {
      const release = gateway.books.lock();
      for (let i = 0; i < 4; ++i) calls.push(gateway.ask(`moment-${round}-${i}`));
      await mock.stats();
      release();
      await Promise.all(calls);
    }
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    assert.deepEqual([...new Set(statuses)], [200]);
    gateway.books.check();
  });

  test('does not keep the gateway from ending', async () => {
    const own = await start();
    await own.ask('one');
    const release = own.books.lock();
    const { served } = await untilRefused(own, 'ending');
    release();
    await own.stop();
    for (const id of ['one', ...(await served())]) assert.equal(own.books.rowsOf(id).length, 1, id);
    own.books.check();
  });
});

describe('a disk that is full', () => {
  test('refuses new calls, and mends itself when there is room', async () => {
    // No file of this process may grow beyond what the database is.
    const gateway = await start();
    await gateway.ask('before');
    const size = Math.max(
      ...['', '-wal'].map((end) => statSync(`${gateway.books.file}${end}`).size),
    );
    const limit = (bytes) =>
      execFileSync('prlimit', ['--pid', String(gateway.pid), `--fsize=${bytes}:unlimited`]);
    limit(size);
    const { refused, served } = await untilRefused(gateway, 'full');
    assertUnavailable(refused);
    limit('unlimited');
    await untilServed(gateway, 'after');
    await gateway.books.settled();
    for (const id of ['before', ...(await served()), 'after']) {
      assert.equal(gateway.books.rowsOf(id).length, 1, id);
    }
    gateway.books.check();
    assert.equal((await sluiceJson(gateway, 'wallet', 'verify')).equal, true);
  });
});

describe('data that cannot be used', () => {
  test('keeps the gateway from starting, and says why', async () => {
    const gateway = await start();
    const { code, stderr, stdout } = await run(['serve', '--config', gateway.file], {
      cwd: gateway.folder,
    });
    assert.notEqual(code, 0);
    assert.match(stderr, new RegExp(`data.* is in use by process ${gateway.pid}`));
    assert.ok(!stdout.includes('Starting server'));
    assert.equal((await gateway.ask('still-there')).status, 200);
  });
});
