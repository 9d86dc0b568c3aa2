#include "dialect/responses/responses_stream_write.hpp"

#include "dialect/errors.hpp"

namespace sluice::dialect::responses {

void ResponsesStreamWriter::take(const chat::Event& /*event*/) {}

std::string_view ResponsesStreamWriter::keep_alive() const { return ": ping\n"; }

void ResponsesStreamWriter::finish(const chat::StreamEnd& /*end*/, const Usage& /*usage*/) {
  (void)plan_;
}

void ResponsesStreamWriter::fail(const Error& error) {
  out() += render_stream_error(Dialect::kResponses, error, request_id());
}

}  // namespace sluice::dialect::responses
