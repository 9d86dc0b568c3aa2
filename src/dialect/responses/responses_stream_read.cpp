#include "dialect/responses/responses_stream_read.hpp"

namespace sluice::dialect::responses {

void ResponsesStreamReader::read(const chat::StreamPiece& /*event*/, chat::EventSink& /*sink*/) {
  (void)plan_;
}

bool ResponsesStreamReader::close(FinishReason /*reason*/, chat::EventSink& /*sink*/) {
  return true;
}

}  // namespace sluice::dialect::responses
