// A database server that is away for half a minute under load, and one that is hard to reach: what
// tests/e2e/databases_outage.test.js does in short. SOAK_DATABASES chooses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeFor, servers, startServer } from '../harness/databases.mjs';
import { startMock } from '../harness/mock.mjs';
import { cuts, outage } from '../harness/outages.mjs';

const seconds = Number(process.env.SOAK_AWAY ?? 30);
const wanted = Number(process.env.SOAK_CUTS ?? 300);
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const chosen = servers.filter((kind) => process.env.SOAK_DATABASES?.includes(kind) ?? true);
const timeout = 3_600_000;
const mock = await startMock();
for (const kind of chosen) await startServer(kind);

for (const kind of chosen) {
  for (const [how, what] of [
    ['stop', 'stopped'],
    ['kill', 'killed'],
    ['freeze', 'frozen'],
  ]) {
    test(`${kind}: ${seconds} s with a ${what} server lose nothing and charge nothing twice`, { timeout }, async (t) => {
      const place = await placeFor(kind);
      const { during, served } = await outage(mock, place, { seconds, how, clients: 16 });
      t.diagnostic(`${during} calls were served without the server, ${served} in all`);
      assert.ok(during > 100);
    });
  }

  test(`${kind}: ${wanted} connections cut while they commit charge nothing twice`, { timeout }, async (t) => {
    t.diagnostic(`SEED=${seed}`);
    const place = await placeFor(kind);
    const seen = await cuts(mock, place, { cuts: wanted, seed, topUps: 20, clients: 16 });
    t.diagnostic(JSON.stringify(seen));
  });
}
