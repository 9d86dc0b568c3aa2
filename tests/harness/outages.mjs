// A database server that goes away under load and comes back, or that is hard to reach.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { chat } from './clients.mjs';
import { startCuttingWay } from './cuts.mjs';
import { configFor, startGateway } from './gateway.mjs';
import { call, costOf, kPrompt, nanos, sluice, sluiceJson } from './metering.mjs';
import { run } from './processes.mjs';
import { randomNumbers } from './traffic.mjs';
import { until } from './until.mjs';

const key = 'sk-outage-0123456789';
const kPrice = { input: '2.50', output: '10.00' };
const kModels = [
  ['mock-c3', 3],
  ['mock-c20-i2', 20],
  ['mock-c40-b8', 320],
];
const kTopUp = '100000';

/// Clients call without a pause while `meanwhile(gateway, served)` runs; every call must be served,
/// and be in the books once. What meanwhile() returns is what was paid in on top, in nano-USD.
async function underLoad(mock, place, { clients }, meanwhile) {
  const config = configFor(mock.url, {
    ...place.changes,
    keys: [{ key, name: 'outage', user: 'ann', quota_tokens: 1_000_000_000_000 }],
    models: kModels.map(([name]) => ({ name, ...kPrice })),
    logging: { level: 'warn' },
  });
  const gateway = await startGateway(config, place);
  await sluice(gateway, 'wallet', 'top-up', 'ann', kTopUp);
  let running = true;
  const served = new Map(); // request id: tokens of output
  let last = 0;
  const client = async () => {
    while (running) {
      const [model, output] = kModels[++last % kModels.length];
      const id = `outage-${last}`;
      const body = chat(model, { stream: last % 4 !== 0 });
      const answer = await call(gateway, { key, id, body });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.output, output);
      served.set(id, output);
    }
  };
  const load = Promise.all(Array.from({ length: clients }, client));
  // What fails shows at the end; until then it must not end the test.
  load.catch(() => {});
  let paid = 0;
  try {
    await pause(300);
    paid = await meanwhile(gateway, served);
  } finally {
    running = false;
  }
  await load;
  await place.books.settled();
  checkBooks(place.books, served, nanos(kTopUp) + paid);
  assert.equal((await sluiceJson(gateway, 'wallet', 'verify')).equal, true);
  assert.equal(await metric(gateway, 'gateway_ledger_waiting'), 0);
  return { gateway, served: served.size };
}

/// `seconds` without a server, which goes as `how` says: 'kill', 'stop' or 'freeze'. Resolves with how many
/// calls were served meanwhile, and how many in all.
export async function outage(mock, place, { seconds, how = 'kill', clients = 8 }) {
  let during = 0;
  const { served } = await underLoad(mock, place, { clients }, async (gateway, served) => {
    await place.server[how]();
    const before = served.size;
    if (how !== 'freeze') {
      const refused = await run(['wallet', 'top-up', 'ann', '1', '--config', gateway.file], {
        cwd: gateway.folder,
      });
      assert.notEqual(refused.code, 0, 'a top-up needs the server');
    }
    await pause(seconds * 1000);
    during = served.size - before;
    const waiting = await metric(gateway, 'gateway_ledger_waiting');
    assert.ok(waiting > 0, `${waiting}`);
    await place.server.start();
    await pause(300);
    return 0;
  });
  return { during, served };
}

/// A server to which connections are cut while they commit and at any other time, until `cuts`
/// have been; top-ups are repeated with their idempotency keys until they have an answer. Resolves
/// with how many calls were served, and with the cuts of each kind.
export async function cuts(mock, place, { cuts: wanted, seed, topUps = 3, clients = 8 }) {
  const way = await startCuttingWay(place.server.port, { random: randomNumbers(seed) });
  // Without TLS, which MySQL itself always has: a COMMIT must be seen on its way.
  const plain = place.server.kind === 'mysql' ? '?ssl-mode=DISABLED' : '?sslmode=disable';
  const url = place.url.replace(`:${place.server.port}/`, `:${way.port}/`) + plain;
  const farther = { ...place, changes: { database: { url } } };
  const { served } = await underLoad(mock, farther, { clients }, async (gateway) => {
    way.cut();
    let tries = 0;
    for (let i = 0; i < topUps; ++i) {
      const args = ['wallet', 'top-up', 'ann', '1', '--idempotency-key', `cut-${i}`];
      for (let paid = false; !paid; ++tries) {
        const { code } = await run([...args, '--config', gateway.file], { cwd: gateway.folder });
        paid = code === 0;
      }
    }
    way.counts.topUps = tries;
    await until(`${wanted} cuts`, async () => {
      const { unheard, working, done } = way.counts;
      const enough = unheard + working + done >= wanted && Math.min(unheard, working, done) > 0;
      return { done: enough, value: way.counts };
    }, 3_000_000);
    way.mend();
    return topUps * nanos('1');
  });
  return { served, ...way.counts };
}

function checkBooks(books, served, paid) {
  books.check();
  const rows = new Map();
  for (const row of books.usage()) {
    assert.ok(!rows.has(row.request_id), `${row.request_id} is there twice`);
    rows.set(row.request_id, row);
  }
  let spent = 0;
  for (const [id, output] of served) {
    const row = rows.get(id);
    assert.ok(row, `${id} is not in the books`);
    assert.equal(row.input_tokens, kPrompt.openai, id);
    assert.equal(row.output_tokens, output, id);
    assert.equal(row.cost, costOf(kPrice, kPrompt.openai, output), id);
    spent += row.cost;
  }
  assert.equal(rows.size, served.size);
  assert.equal(books.balance('ann'), paid - spent);
}

async function metric(gateway, name) {
  const text = await (await gateway.get('/metrics')).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)[1]);
}
