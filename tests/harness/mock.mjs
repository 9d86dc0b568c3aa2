// The scripted upstream, and what it says of what it saw.
import { Sluice } from './processes.mjs';
import { until } from './until.mjs';

export async function startMock(args = []) {
  const mock = new Mock(['mock', '--port', '0', ...args]);
  mock.port = await mock.listening(/^Scripted upstream on :(\d+)$/);
  mock.url = `http://127.0.0.1:${mock.port}`;
  return mock;
}

class Mock extends Sluice {
  async stats() {
    return (await fetch(`${this.url}/mock/stats`)).json();
  }

  /// The last requests, as they came: [{id, method, target, model, headers, body}].
  async requests() {
    return (await (await fetch(`${this.url}/mock/requests`)).json()).requests;
  }

  /// The requests for one model, the newest last.
  async requestsFor(model) {
    return (await this.requests()).filter((request) => request.model === model);
  }

  /// Waits until the counts of a model have come to what is wanted; returns them.
  countsOf(model, wanted) {
    return until(`${model} to have ${JSON.stringify(wanted)}`, async () => {
      const counts = (await this.stats()).models[model] ?? {};
      const same = Object.entries(wanted).every(([name, value]) => counts[name] === value);
      return { done: same, value: counts };
    });
  }

  /// Waits until the mock has noticed that the caller of `model` left; returns what it says.
  abortOf(model) {
    return until(`the abort of ${model}`, async () => {
      const abort = (await this.stats()).aborts.find((each) => each.model === model);
      return { done: abort !== undefined, value: abort };
    });
  }
}

/// A header of a recorded request: undefined, or its only value.
export function header(request, name) {
  const values = request.headers.filter(([each]) => each.toLowerCase() === name).map(([, v]) => v);
  if (values.length > 1) throw new Error(`${name} came ${values.length} times`);
  return values[0];
}
