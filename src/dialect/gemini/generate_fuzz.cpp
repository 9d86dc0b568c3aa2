// Clients' bodies written for Gemini, and its answers, whole and streamed, written for clients: no
// crash, valid JSON, the same client's stream for every split. The first byte chooses what comes,
// the second the target and the size of the pieces.
#include <array>
#include <cstdlib>

#include "dialect/chat/conversions.hpp"
#include "dialect/chat/stream_testing.hpp"
#include "dialect/response.hpp"

using namespace sluice;
using namespace sluice::dialect;

namespace {

constexpr std::array kClients = {Endpoint::kChatCompletions, Endpoint::kMessages,
                                 Endpoint::kResponses};
constexpr std::array kModels = {"gemini-2.0-flash", "gemini-2.5-pro", "gemini-3-pro", "m"};

void require(bool holds) {
  if (!holds) std::abort();
}

void write_request(Endpoint client, std::string_view body, uint8_t choice) {
  auto request = chat::parse_request(client, body);
  if (!request) return;
  const auto model =
      chat::capabilities_of(config::ProviderType::kGemini, kModels[choice % kModels.size()]);
  chat::Target target{.model = "m", .provider = "p", .capabilities = model};
  if ((choice & 4) != 0) target.mode = chat::Mode::kStrict;
  target.repair_tools = (choice & 8) != 0;
  if ((choice & 16) != 0) target.output_limit = choice;
  target.signature_key = "key";
  const auto written = chat::write_request(Endpoint::kGenerateContent, *request, target);
  if (written && json::valid(body)) require(json::valid(written->body));
}

chat::AnswerPlan plan_of(uint8_t choice) {
  chat::AnswerPlan plan;
  plan.created = 1;
  plan.provider = "p";
  plan.signature_key = Secret((choice & 1) != 0 ? "key" : "");
  plan.shows_thinking = (choice & 2) != 0;
  plan.legacy_functions = (choice & 4) != 0;
  if ((choice & 8) != 0) plan.json = chat::JsonOutput::kInstruction;
  if ((choice & 16) != 0) plan.stop_scan = {"a", "}"};
  return plan;
}

void write_answer(Endpoint client, std::string_view body, uint8_t choice) {
  const chat::AnswerPlan plan = plan_of(choice);
  if (!inspect_response(Endpoint::kGenerateContent, body).valid) return;
  auto answer = chat::parse_answer(Endpoint::kGenerateContent, body, plan);
  if (answer) require(json::valid(chat::write_answer(client, *answer, plan)));
}

void convert_stream(Endpoint client, std::string_view bytes, uint8_t choice) {
  const chat::AnswerPlan plan = plan_of(choice);
  const auto run = [&](size_t piece) {
    chat::StreamConverter converter(Endpoint::kGenerateContent, client, plan,
                                    {.request_id = "req_1"});
    return chat::testing::convert_streams(converter, {std::string(bytes)},
                                          [piece] { return piece; });
  };
  const auto whole = run(bytes.size() + 1);
  const auto split = run(choice % 61 + 1U);
  require(whole.client == split.client && whole.verdicts == split.verdicts);
  require(whole.client.ends_with("\n\n"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Endpoint client = kClients[data[0] / 3 % kClients.size()];
  const std::string_view body(reinterpret_cast<const char*>(data + 2), size - 2);
  if (data[0] % 3 == 0) write_request(client, body, data[1]);
  if (data[0] % 3 == 1) write_answer(client, body, data[1]);
  if (data[0] % 3 == 2) convert_stream(client, body, data[1]);
  return 0;
}
