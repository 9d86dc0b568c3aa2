// A row of usage_logs as SOCI reads and writes it.
#pragma once

#include <cstdint>
#include <utility>

#include "store/records.hpp"
#include "store/soci.hpp"

namespace sluice::store {

/// What runs fills the same row at each fetch.
struct UsageRow {
  Settlement what;
  TokenCounts reported;
  int stream = 0;
  soci::indicator is_reported[5] = {};

  static constexpr const char* kColumns =
      "id, request_id, key_id, user_id, wallet_id, key_name, dialect, requested_model,"
      " upstream_model, provider, worker, attempts, input_tokens, cache_read_tokens,"
      " cache_write_tokens, output_tokens, reasoning_tokens, counted_input, counted_output,"
      " reported_input, reported_cache_read, reported_cache_write, reported_output,"
      " reported_reasoning, basis, price_id, cost, outcome, status, stream, ttft_us, duration_us,"
      " started_at, decision, upstream_cost";
  static constexpr int kColumnCount = 35;

  UsageRow() = default;
  explicit UsageRow(Settlement from)
      : what(std::move(from)),
        reported(what.reported.value_or(TokenCounts{})),
        stream(what.stream) {
    for (soci::indicator& each : is_reported) each = what.reported ? soci::i_ok : soci::i_null;
  }

  void into(soci::details::prepare_temp_type& query) {
    each([&](auto&... column) { query, soci::into(column...); });
  }
  /// The row must live until the query has run.
  void use(soci::details::prepare_temp_type& query) {
    // In one expression: use() keeps references to what lives no longer.
    each([&](auto&... column) { query, soci::use(column...); });
  }

  Settlement fetched() const {
    Settlement out = what;
    out.stream = stream != 0;
    if (is_reported[0] == soci::i_ok) out.reported = reported;
    return out;
  }

 private:
  /// In the order of kColumns.
  template <typename Bind>
  void each(Bind bind) {
    bind(what.id);
    bind(what.request_id);
    bind(what.key_id);
    bind(what.user_id);
    bind(what.wallet_id);
    bind(what.key_name);
    bind(what.dialect);
    bind(what.requested_model);
    bind(what.upstream_model);
    bind(what.provider);
    bind(what.worker);
    bind(what.attempts);
    bind(what.charged.input);
    bind(what.charged.cache_read);
    bind(what.charged.cache_write);
    bind(what.charged.output);
    bind(what.charged.reasoning);
    bind(what.counted_input);
    bind(what.counted_output);
    bind(reported.input, is_reported[0]);
    bind(reported.cache_read, is_reported[1]);
    bind(reported.cache_write, is_reported[2]);
    bind(reported.output, is_reported[3]);
    bind(reported.reasoning, is_reported[4]);
    bind(what.basis);
    bind(what.price_id);
    bind(what.cost.nanos);
    bind(what.outcome);
    bind(what.status);
    bind(stream);
    bind(what.ttft_us);
    bind(what.duration_us);
    bind(what.started_at);
    bind(what.decision);
    bind(what.upstream_cost.nanos);
  }
};

}  // namespace sluice::store
