// An upstream's bytes in pieces against the same bytes whole: what the client gets must be the
// same, made of whole frames, and end with a terminal event or an error. The first byte chooses
// what was asked for, and both the dialects; the second the size of the pieces.
#include <cstdlib>

#include "dialect/chat/answer_gatherer.hpp"
#include "dialect/chat/conversions.hpp"
#include "dialect/chat/stream_testing.hpp"

using namespace sluice::dialect;
using namespace sluice::dialect::chat;
namespace chat_testing = sluice::dialect::chat::testing;

namespace {

chat_testing::Converted run(Endpoint endpoint, Endpoint client, const AnswerPlan& plan,
                            bool lenient, std::string_view bytes, size_t piece) {
  StreamConverter converter(
      endpoint, client, plan,
      {.request_id = "req_1", .end_without_finish = lenient, .keep_turn = true});
  auto converted =
      chat_testing::convert_streams(converter, {std::string(bytes)}, [piece] { return piece; });
  // What a model is asked to go on with.
  if (!sluice::json::valid('[' + std::string(converter.turn()) + ']')) std::abort();
  return converted;
}

/// The same answer for a client that wanted no stream.
void check_gathered(Endpoint endpoint, Endpoint client, const AnswerPlan& plan, bool lenient,
                    std::string_view bytes) {
  auto answer = gather_answer(endpoint, bytes, plan, lenient);
  if (answer && !sluice::json::valid(write_answer(client, *answer, plan))) std::abort();
}

void check_frames(const std::string& client, Endpoint endpoint) {
  const bool openai = endpoint == Endpoint::kChatCompletions;
  int64_t sequence = 0;
  sluice::http::SseReader reader;
  reader.feed(client);
  bool ended = false;
  while (const auto event = reader.next()) {
    if (!event->has_data) continue;
    if (ended) std::abort();
    ended = event->data == "[DONE]";
    if (ended) continue;
    if (!sluice::json::valid(event->data)) std::abort();
    const sluice::json::Value data(event->data);
    ended = event->event == "message_stop" || event->event == "error" ||
            event->event == "response.completed" || event->event == "response.incomplete" ||
            (openai && data["error"].exists());
    if (endpoint == Endpoint::kResponses && data["sequence_number"].as_int() != sequence++) {
      std::abort();
    }
    if (!ended && openai && !data["choices"].exists()) std::abort();
  }
  if (!ended || !reader.remainder().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const unsigned choice = data[0];
  const Endpoint endpoint = data[1] / 61 == 1   ? Endpoint::kResponses
                            : data[1] / 61 == 2 ? Endpoint::kGenerateContent
                            : (choice & 1) != 0 ? Endpoint::kMessages
                                                : Endpoint::kChatCompletions;
  AnswerPlan plan;
  plan.created = 1;
  plan.include_usage = (choice & 2) != 0;
  plan.legacy_functions = (choice & 4) != 0;
  if ((choice & 8) != 0) plan.json = JsonOutput::kForcedTool;
  if ((choice & 16) != 0) plan.json = JsonOutput::kInstruction;
  if ((choice & 32) != 0) plan.stop_scan = {"END", "N\n"};
  const bool lenient = (choice & 64) != 0;
  const size_t piece = data[1] % 61 + 1u;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);

  const Endpoint client = (choice & 128) != 0 ? Endpoint::kResponses
                          : (choice & 1) != 0 ? Endpoint::kChatCompletions
                                              : Endpoint::kMessages;
  const auto whole = run(endpoint, client, plan, lenient, bytes, bytes.size());
  const auto split = run(endpoint, client, plan, lenient, bytes, piece);
  if (whole.client != split.client || whole.verdicts != split.verdicts) std::abort();
  check_frames(whole.client, client);
  check_gathered(endpoint, client, plan, lenient, bytes);
  return 0;
}
