// The gateway dies at any moment, and the books are right when it comes back.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { dieAgainAndAgain } from '../harness/crashes.mjs';
import { chat } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { Books, call, kPrompt, sluiceJson } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';

const mock = await startMock();

test('ten deaths under load lose no request that a client has seen the end of', async (t) => {
  const { completed, recovered } = await dieAgainAndAgain(mock, { deaths: 10, seed: 7 });
  t.diagnostic(`${completed} requests had ended, ${recovered} were found open`);
  assert.ok(completed > 20, `${completed}`);
  assert.ok(recovered > 5, `${recovered}`);
});

test('what a stream had used when its gateway died is charged by its last mark', async () => {
  const key = 'sk-marks-0123456789';
  const config = configFor(mock.url, { keys: [{ key, name: 'marks', quota_tokens: 5000 }] });
  const first = await startGateway(config);
  const books = new Books(first.folder);
  const running = call(first, {
    ...{ key, id: 'running', body: chat('mock-c100000-i1', { stream: true }) },
  });
  await mock.countsOf('mock-c100000-i1', { requests: 1 });
  const { output_tokens } = await new Promise((resolve) => {
    const look = () => {
      const open = books.one('SELECT output_tokens FROM open_leases WHERE marks > 2');
      if (open) resolve(open);
      else setTimeout(look, 5);
    };
    look();
  });
  first.kill('SIGKILL');
  await first.expectEnd();
  const { output } = await running;
  const second = await startGateway(config, { folder: first.folder });
  const [row] = books.rowsOf('running');
  assert.ok(row.output_tokens >= output_tokens);
  assert.ok(row.output_tokens <= output, `${row.output_tokens} of ${output}`);
  // One lease at most is lost, and what stood in the marks' queue for its 50 ms.
  assert.ok(output - row.output_tokens <= 2 * 256, `${row.output_tokens} of ${output}`);
  assert.equal(row.outcome, 'recovered');
  assert.ok(row.input_tokens >= kPrompt.openai);
  books.check();
  assert.equal((await sluiceJson(second, 'wallet', 'verify')).equal, true);
});
