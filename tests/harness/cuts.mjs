// A way to a database server on which connections are cut.
import { after } from 'node:test';
import net from 'node:net';

/// Where a connection can end when its client says COMMIT: before the server hears of it, while it
/// works on it, and when it has done it and its answer is on the way. Only the server knows then.
const kEnds = ['unheard', 'working', 'done'];

/// Passes connections on to `port`. Once cut() has been called, one COMMIT in `commits` ends the
/// connection that it came on, and so does one piece of anything else in `pieces`, until mend().
/// `random` as randomNumbers() of traffic.mjs.
export async function startCuttingWay(port, { random, commits = 4, pieces = 200 }) {
  const way = { cutting: false, counts: { unheard: 0, working: 0, done: 0, anywhere: 0 } };
  const open = new Set();
  const listener = net.createServer((client) => {
    const server = net.connect(port, '127.0.0.1');
    const both = [client, server];
    const end = (how) => {
      if (!open.delete(client)) return;
      if (how) ++way.counts[how];
      for (const each of both) each.destroy();
    };
    open.add(client);
    let answersAreLost = false;
    for (const each of both) {
      each.setNoDelay(true);
      each.on('error', () => end());
      each.on('close', () => end());
    }
    client.on('data', (bytes) => {
      const commit = bytes.includes('COMMIT');
      const cut = way.cutting && random(commit ? commits : pieces) === 0;
      if (!cut) return server.write(bytes);
      if (!commit) return end('anywhere');
      const how = kEnds[random(kEnds.length)];
      if (how === 'unheard') return end(how);
      answersAreLost = how === 'done';
      // Once it has been written, the server will read it.
      server.write(bytes, () => how === 'working' && end(how));
    });
    server.on('data', (bytes) => (answersAreLost ? end('done') : client.write(bytes)));
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  listener.unref();
  after(() => {
    listener.close();
    for (const each of open) each.destroy();
  });
  way.port = listener.address().port;
  way.cut = () => (way.cutting = true);
  way.mend = () => (way.cutting = false);
  return way;
}
