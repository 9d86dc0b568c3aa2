// A client's body: what goes upstream must be valid, mean the upstream's model, and be the
// client's bytes when nothing had to change. The first byte chooses the endpoint; the rest is
// also read as an upstream's answer and error.
#include <cstdlib>

#include "dialect/request.hpp"
#include "dialect/response.hpp"
#include "dialect/upstream_error.hpp"
#include "json/slices.hpp"

using namespace sluice;
using namespace sluice::dialect;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_request(Endpoint endpoint, std::string_view body) {
  const auto request = understand(endpoint, std::string(body));
  if (!request) {
    require(request.error().code == ErrorCode::kInvalidRequest);
    return;
  }
  std::string storage;
  const std::string_view same = upstream_body(*request, {.model = request->model}, storage);
  require(json::valid(same));
  require(request->adds_usage() || same == body);
  const std::string_view other = upstream_body(*request, {.model = "up\"stream"}, storage);
  require(json::valid(other));
  const auto again = understand(endpoint, std::string(other));
  require(again && again->model == "up\"stream" && !again->adds_usage());
  require(again->stream == request->stream && again->max_tokens == request->max_tokens);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const auto endpoint = static_cast<Endpoint>(data[0] % 4);
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  check_request(endpoint, body);
  inspect_response(endpoint, body);
  const Dialect dialect = dialect_of(endpoint);
  for (const int status : {400, 404, 429, 500}) {
    const UpstreamFailure failure = classify_upstream_error(dialect, status, body);
    require(json::valid(map_upstream_error(dialect, status, body, failure, "r").body));
  }
  return 0;
}
