#include "dialect/gemini/generate_stream_read.hpp"

namespace sluice::dialect::gemini {

void GenerateStreamReader::read(const chat::StreamPiece& /*event*/, chat::EventSink& /*sink*/) {
  (void)plan_;
}

bool GenerateStreamReader::close(FinishReason /*reason*/, chat::EventSink& /*sink*/) {
  return true;
}

}  // namespace sluice::dialect::gemini
