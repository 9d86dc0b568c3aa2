// Load on a gateway that is killed again and again, and what must be true after each start.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { chat, message } from './clients.mjs';
import { configFor, startGateway } from './gateway.mjs';
import { Books, call, costOf, kPrompt, nanos, sluice, sluiceJson } from './metering.mjs';
import { temporaryFolder } from './processes.mjs';
import { randomNumbers } from './traffic.mjs';

const key = 'sk-crash-0123456789';
const kPrice = { input: '2.50', output: '10.00' };
const kScripts = [
  ['mock-c5', 5],
  ['mock-c30-i1', 30],
  ['mock-c80-b8', 640],
  ['mock-c500-i1', 500],
  ['mock-c300-b4-i1', 1200],
];
const kTopUp = '1000000';
const kQuota = 1_000_000_000_000;

/// Returns how many requests had ended for their client, and how many were found open. `place` is
/// where the books are, as placeFor() of databases.mjs says it; in a file by default. `together`: the
/// database server is killed in the same moment.
export async function dieAgainAndAgain(
  mock,
  { deaths, seed, clients = 24, place, together = false },
) {
  const random = randomNumbers(seed);
  const folder = place?.folder ?? temporaryFolder();
  const books = place?.books ?? new Books(folder);
  const config = configFor(mock.url, {
    ...place?.changes,
    keys: [{ key, name: 'crash', user: 'ann', quota_tokens: kQuota }],
    models: kScripts.map(([name]) => ({ name, ...kPrice })),
    logging: { level: 'warn' },
  });
  const completed = new Map(); // request id: tokens of output
  let last = 0;
  for (let death = 0; death <= deaths; ++death) {
    const gateway = await startGateway(config, { folder });
    checkAfterStart(books, completed);
    if (death === 0) await sluice(gateway, 'wallet', 'top-up', 'ann', kTopUp);
    if (death === deaths) {
      assert.equal((await sluiceJson(gateway, 'wallet', 'verify')).equal, true);
      await gateway.stop();
      break;
    }
    let alive = true;
    const client = async () => {
      while (alive) {
        const [model, output] = kScripts[random(kScripts.length)];
        const stream = random(4) > 0;
        const id = `crash-${++last}`;
        const asked = random(3)
          ? { body: chat(model, { stream }) }
          : { route: '/v1/messages', body: message(model, { stream, max_tokens: 5000 }) };
        const answer = await call(gateway, { key, id, ...asked });
        if (answer.done && answer.status === 200) {
          assert.equal(answer.output, output);
          completed.set(id, output);
        } else if (alive) {
          assert.equal(answer.status, 200, `${answer.status}: ${answer.text}`);
        }
      }
    };
    const load = Array.from({ length: clients }, client);
    await pause(100 + random(400));
    gateway.kill('SIGKILL');
    alive = false;
    if (together) await place.server.kill();
    await gateway.expectEnd();
    await Promise.all(load);
    if (together) await place.server.start();
  }
  const rows = books.usage();
  const spent = rows.reduce((sum, { cost }) => sum + cost, 0);
  assert.equal(books.balance('ann'), nanos(kTopUp) - spent);
  return {
    completed: completed.size,
    recovered: rows.filter(({ outcome }) => outcome === 'recovered').length,
  };
}

/// Before anything new has begun.
function checkAfterStart(books, completed) {
  books.check();
  const rows = new Map();
  for (const row of books.usage()) {
    assert.ok(!rows.has(row.request_id), `${row.request_id} is there twice`);
    rows.set(row.request_id, row);
    assert.equal(row.cost, costOf(kPrice, row.input_tokens, row.output_tokens), row.request_id);
  }
  for (const [id, output] of completed) {
    const row = rows.get(id);
    assert.ok(row, `${id} had ended for its client and is not in the books`);
    assert.equal(row.output_tokens, output, id);
    assert.equal(row.input_tokens, kPrompt.openai, id);
    assert.equal(row.outcome, 'finished', id);
  }
}
