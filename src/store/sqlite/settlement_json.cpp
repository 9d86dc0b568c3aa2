#include "json/writer.hpp"
#include "store/sqlite/settler.hpp"

namespace sluice::store::sqlite {
namespace {

void write_counts(json::Writer& out, std::string_view name, const TokenCounts& counts) {
  out.key(name).begin_object();
  out.member("input", counts.input).member("cache_read", counts.cache_read);
  out.member("cache_write", counts.cache_write).member("output", counts.output);
  out.member("reasoning", counts.reasoning).end_object();
}

}  // namespace

std::string to_json(const Settlement& s) {
  std::string text;
  json::Writer out(text);
  out.begin_object();
  out.member("id", s.id).member("request_id", s.request_id).member("key_id", s.key_id);
  out.member("user_id", s.user_id).member("wallet_id", s.wallet_id);
  out.member("key_name", s.key_name).member("dialect", s.dialect);
  out.member("requested_model", s.requested_model).member("upstream_model", s.upstream_model);
  out.member("provider", s.provider).member("worker", s.worker).member("attempts", s.attempts);
  write_counts(out, "charged", s.charged);
  out.member("counted_input", s.counted_input).member("counted_output", s.counted_output);
  if (s.reported) write_counts(out, "reported", *s.reported);
  out.member("basis", s.basis).member("price_id", s.price_id);
  out.member("cost_nanos", s.cost.nanos);
  out.member("upstream_cost_nanos", s.upstream_cost.nanos).member("outcome", s.outcome);
  out.member("status", s.status).member("stream", s.stream).member("ttft_us", s.ttft_us);
  out.member("duration_us", s.duration_us).member("started_at", s.started_at);
  out.member("decision", s.decision).end_object();
  return text;
}

}  // namespace sluice::store::sqlite
