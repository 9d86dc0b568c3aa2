// A database server that goes away under load, and comes back.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { chat } from './clients.mjs';
import { configFor, startGateway } from './gateway.mjs';
import { call, costOf, kPrompt, nanos, sluice, sluiceJson } from './metering.mjs';
import { run } from './processes.mjs';

const key = 'sk-outage-0123456789';
const kPrice = { input: '2.50', output: '10.00' };
const kModels = [
  ['mock-c3', 3],
  ['mock-c20-i2', 20],
  ['mock-c40-b8', 320],
];
const kTopUp = '100000';

/// Clients call without a pause before, during and after the `seconds` without a server; every call
/// must be served, and be in the books once. Resolves with how many were served meanwhile.
export async function outage(mock, place, { seconds, clients = 8 }) {
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
  await pause(300);
  await place.server.kill();
  const before = served.size;
  const refused = await run(['wallet', 'top-up', 'ann', '1', '--config', gateway.file], {
    cwd: gateway.folder,
  });
  assert.notEqual(refused.code, 0, 'a top-up needs the server');
  await pause(seconds * 1000);
  const during = served.size - before;
  const waiting = await metric(gateway, 'gateway_ledger_waiting');
  assert.ok(waiting > 0, `${waiting}`);
  await place.server.start();
  await pause(300);
  running = false;
  await load;
  await place.books.settled();
  checkBooks(place.books, served);
  assert.equal((await sluiceJson(gateway, 'wallet', 'verify')).equal, true);
  assert.equal(await metric(gateway, 'gateway_ledger_waiting'), 0);
  return { during, served: served.size };
}

function checkBooks(books, served) {
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
  assert.equal(books.balance('ann'), nanos(kTopUp) - spent);
}

async function metric(gateway, name) {
  const text = await (await gateway.get('/metrics')).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)[1]);
}
