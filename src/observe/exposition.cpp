#include "observe/exposition.hpp"

#include <fmt/format.h>

#include "json/writer.hpp"
#include "observe/fleet_figures.hpp"
#include "observe/log.hpp"
#include "observe/prometheus_text.hpp"

namespace sluice::observe {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;

std::string labels_of(const Totals::Key& key) {
  const auto& [route, dialect, provider, model] = key;
  return fmt::format(R"(route="{}",dialect="{}",provider="{}",model="{}")", label_value(route),
                     label_value(dialect), label_value(provider), label_value(model));
}

void requests(PrometheusText& text, const Totals& totals) {
  text.family("gateway_requests_total", "counter", "Requests that were answered, by status.");
  for (const auto& [key, series] : totals.series) {
    const std::string labels = labels_of(key);
    for (const auto& [status, count] : series.statuses) {
      text.sample(status == 0 ? fmt::format("{},status=\"other\"", labels)
                              : fmt::format("{},status=\"{}\"", labels, status),
                  count);
    }
  }

  struct Family {
    std::string_view name, help;
    HistogramSum Totals::Series::* values;
    int first, last;  // powers of two, in ms
  };
  static constexpr Family kFamilies[] = {
      {"gateway_request_duration_seconds", "From a request's arrival to the end of its answer.",
       &Totals::Series::duration, 0, 19},
      {"gateway_time_to_first_token_seconds",
       "From a request's arrival to the first content sent to the client.",
       &Totals::Series::first_token, 0, 17},
      {"gateway_inter_token_seconds", "Between two content events of a stream.",
       &Totals::Series::between_tokens, -4, 15},
      {"gateway_overhead_seconds",
       "The gateway's own share of the time to the first token or answer.",
       &Totals::Series::overhead, -6, 10},
  };
  for (const Family& family : kFamilies) {
    text.family(family.name, "histogram", family.help);
    for (const auto& [key, series] : totals.series) {
      text.histogram(labels_of(key), series.*family.values, family.first, family.last);
    }
  }
}

void tokens(PrometheusText& text, const Totals& totals) {
  struct Tokens {
    uint64_t in = 0;
    uint64_t out = 0;
  };
  std::map<std::pair<std::string_view, std::string_view>, Tokens> by_model;
  for (const auto& [key, series] : totals.series) {
    if (series.tokens_in == 0 && series.tokens_out == 0) continue;
    Tokens& sum = by_model[{std::get<2>(key), std::get<3>(key)}];
    sum.in += series.tokens_in;
    sum.out += series.tokens_out;
  }
  text.family("gateway_tokens_total", "counter", "Tokens that were charged.");
  for (const auto& [key, sum] : by_model) {
    const std::string rest = fmt::format("provider=\"{}\",model=\"{}\"", label_value(key.first),
                                         label_value(key.second));
    text.sample("direction=\"input\"," + rest, sum.in);
    text.sample("direction=\"output\"," + rest, sum.out);
  }
}

template <typename Reason, typename Counts>
void by_reason(PrometheusText& text, std::string_view name, std::string_view help,
               const Counts& counts) {
  text.family(name, "counter", help);
  for (size_t i = 0; i < counts.size(); ++i) {
    text.sample(fmt::format("reason=\"{}\"", to_string(static_cast<Reason>(i))), counts[i]);
  }
}

}  // namespace

void Totals::add(const RequestSeries& from) {
  Series& to = series[Key{from.route, from.dialect, from.provider, from.model}];
  from.statuses.for_each([&](int status, uint64_t n) { to.statuses[status] += n; });
  to.duration.add(from.duration);
  to.first_token.add(from.first_token);
  to.between_tokens.add(from.between_tokens);
  to.overhead.add(from.overhead);
  to.tokens_in += from.tokens_in.value();
  to.tokens_out += from.tokens_out.value();
}

std::string render_prometheus(const Totals& totals) {
  PrometheusText text;
  text.family("gateway_build_info", "gauge", "The build that runs; always 1.");
  text.sample(fmt::format("version=\"{}\",build_type=\"{}\"", label_value(totals.version),
                          label_value(totals.build_type)),
              1);
  requests(text, totals);
  tokens(text, totals);
  text.single("gateway_active_streams", "gauge", "Streams that run now.", totals.active_streams);
  text.single("gateway_live_requests", "gauge", "Requests that run now.", totals.live_requests);
  text.single("gateway_connections", "gauge", "Clients' open connections.", totals.connections);
  text.single("gateway_received_bytes_total", "counter", "Bytes read from clients.",
              totals.bytes_in);
  text.single("gateway_sent_bytes_total", "counter", "Bytes written to clients.", totals.bytes_out);
  by_reason<CancelReason>(text, "gateway_upstream_cancels_total",
                          "Upstream calls closed before their end.", totals.upstream_cancels);
  by_reason<RetryReason>(text, "gateway_retries_total",
                         "Attempts beyond a request's first, by what made them necessary.",
                         totals.retries);
  by_reason<LimitReason>(text, "gateway_rate_limit_hits_total",
                         "Requests that a limit of their key or wallet refused.",
                         totals.limit_hits);
  text.single("gateway_budget_cutoffs_total", "counter",
              "Streams that ended because their key or wallet ran out.", totals.budget_cutoffs);
  text.single("gateway_count_mismatches_total", "counter",
              "Answers whose counted and reported tokens were far apart.", totals.count_mismatches);
  if (totals.ledger) {
    text.single("gateway_ledger_lag_seconds", "gauge",
                "Age of the oldest settlement that waits to be written.",
                seconds(totals.ledger->lag));
    text.single("gateway_ledger_waiting", "gauge", "Settlements that wait to be written.",
                totals.ledger->waiting);
    text.single("gateway_ledger_settlements_total", "counter", "Settlements written.",
                totals.ledger->settlements);
    text.single("gateway_ledger_groups_total", "counter", "Transactions that they were written in.",
                totals.ledger->groups);
    text.single("gateway_ledger_failures_total", "counter",
                "Transactions that could not be written and were tried again.",
                totals.ledger->failures);
    text.single("gateway_ledger_dead_letters_total", "counter",
                "Settlements that the tables refused and that were kept aside.",
                totals.ledger->dead_letters);
  }
  if (totals.fleet) render_prometheus(text, *totals.fleet);
  text.single("gateway_malformed_events_total", "counter", "Upstream events dropped as malformed.",
              totals.malformed_events);
  text.single("gateway_log_lines_dropped_total", "counter",
              "Log lines lost because the output did not keep up.", log::logger().dropped());

  const ProcessStats& process = totals.process;
  text.single("process_cpu_seconds_total", "counter", "User and system CPU time.",
              process.cpu_seconds);
  text.single("process_resident_memory_bytes", "gauge", "Resident memory.", process.resident_bytes);
  text.single("process_virtual_memory_bytes", "gauge", "Virtual memory.", process.virtual_bytes);
  text.single("process_open_fds", "gauge", "Open file descriptors.", process.open_fds);
  text.single("process_max_fds", "gauge", "Limit of open file descriptors.", process.max_fds);
  text.single("process_start_time_seconds", "gauge", "Start of the process, Unix time.",
              fmt::format("{:.2f}", process.start_time_seconds));
  return text.take();
}

std::string render_json(const Totals& totals) {
  HistogramSum duration;
  uint64_t requests = 0;
  uint64_t client_errors = 0;
  uint64_t server_errors = 0;
  for (const auto& [key, series] : totals.series) {
    duration.add(series.duration);
    for (const auto& [status, count] : series.statuses) {
      requests += count;
      if (status >= 400 && status < 500) client_errors += count;
      if (status >= 500 && status < 600) server_errors += count;
    }
  }
  const double whole = requests == 0 ? 1 : static_cast<double>(requests);
  const double mean_ms = duration.count() == 0
                             ? 0
                             : duration.sum_seconds() * 1e3 / static_cast<double>(duration.count());

  std::string out;
  json::Writer json(out);
  json.begin_object()
      .member("version", totals.version)
      .member("uptime_seconds", seconds(totals.uptime))
      .member("memory_alloc_mb", static_cast<double>(totals.process.heap_used_bytes) / kMiB)
      .member("memory_total_alloc_mb", static_cast<double>(totals.process.heap_total_bytes) / kMiB)
      .member("memory_resident_mb", static_cast<double>(totals.process.resident_bytes) / kMiB)
      .member("goroutines", totals.live_requests)
      .member("total_requests", requests)
      .member("requests_per_second", totals.requests_per_second)
      .member("avg_response_time_ms", mean_ms);
  json.key("response_time_ms")
      .begin_object()
      .member("avg", mean_ms)
      .member("max", duration.max_seconds() * 1e3)
      .member("p95", duration.quantile(0.95) * 1e3)
      .member("p99", duration.quantile(0.99) * 1e3)
      .end_object();
  json.key("error_rate")
      .begin_object()
      .member("4xx", static_cast<double>(client_errors) / whole)
      .member("5xx", static_cast<double>(server_errors) / whole)
      .end_object();
  json.member("cpu_percent", totals.cpu_percent);
  json.key("network_bytes")
      .begin_object()
      .member("received", totals.bytes_in)
      .member("sent", totals.bytes_out)
      .end_object();
  json.member("active_connections", totals.connections)
      .member("active_streams", totals.active_streams);
  if (totals.fleet) render_json(json, *totals.fleet);
  json.end_object();
  return out;
}

}  // namespace sluice::observe
