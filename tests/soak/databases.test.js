// A database server that is away for half a minute under load, and deaths of the gateway in front
// of one: what tests/e2e/databases.test.js does in short.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dieAgainAndAgain } from '../harness/crashes.mjs';
import { placeFor, servers, startServer } from '../harness/databases.mjs';
import { startMock } from '../harness/mock.mjs';
import { outage } from '../harness/outages.mjs';

const deaths = Number(process.env.SOAK_DEATHS ?? 30);
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const timeout = 3_600_000;
const mock = await startMock();
for (const kind of servers) await startServer(kind);

for (const kind of servers) {
  test(`${kind}: 30 s without the server lose nothing and charge nothing twice`, { timeout }, async (t) => {
    const place = await placeFor(kind);
    const { during, served } = await outage(mock, place, { seconds: 30, clients: 16 });
    t.diagnostic(`${during} calls were served without the server, ${served} in all`);
    assert.ok(during > 100);
  });

  test(`${kind}: ${deaths} deaths lose no request that had ended`, { timeout }, async (t) => {
    t.diagnostic(`SEED=${seed}`);
    const place = await placeFor(kind);
    const { completed, recovered } = await dieAgainAndAgain(mock, { deaths, seed, place });
    t.diagnostic(`${completed} requests had ended, ${recovered} were found open`);
    assert.ok(completed > deaths);
  });
}
