#include "dialect/chat/conversions.hpp"

#include "dialect/anthropic/messages_request.hpp"
#include "dialect/anthropic/messages_response.hpp"
#include "dialect/anthropic/messages_stream_read.hpp"
#include "dialect/anthropic/messages_stream_write.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/gemini/generate_request.hpp"
#include "dialect/gemini/generate_response.hpp"
#include "dialect/gemini/generate_stream_read.hpp"
#include "dialect/openai/chat_request.hpp"
#include "dialect/openai/chat_response.hpp"
#include "dialect/openai/chat_stream_read.hpp"
#include "dialect/openai/chat_stream_write.hpp"
#include "dialect/responses/responses_request.hpp"
#include "dialect/responses/responses_response.hpp"
#include "dialect/responses/responses_stream_read.hpp"
#include "dialect/responses/responses_stream_write.hpp"

namespace sluice::dialect::chat {

Result<Request> parse_request(Endpoint client, std::string_view body) {
  switch (dialect_of(client)) {
    case Dialect::kAnthropic:
      return anthropic::parse_messages_request(body);
    case Dialect::kResponses:
      return responses::parse_responses_request(body);
    case Dialect::kOpenAi:
    case Dialect::kGemini:
      break;
  }
  return openai::parse_chat_request(body);
}

namespace {

Result<Outgoing> write(Endpoint upstream, Request& request, const Target& target) {
  switch (dialect_of(upstream)) {
    case Dialect::kAnthropic:
      return anthropic::write_messages_request(request, target);
    case Dialect::kResponses:
      return responses::write_responses_request(request, target);
    case Dialect::kGemini:
      return gemini::write_generate_request(request, target);
    case Dialect::kOpenAi:
      break;
  }
  return openai::write_chat_request(request, target);
}

/// An error that names the client's field, also in its words.
Error renamed(Error error, std::string (*client_field)(std::string_view)) {
  const std::string name = client_field(error.param);
  if (name == error.param) return error;
  const std::string quoted = "'" + error.param + "'";
  if (const size_t at = error.message.find(quoted); at != std::string::npos) {
    error.message.replace(at + 1, error.param.size(), name);
  }
  error.param = name;
  return error;
}

}  // namespace

Result<Outgoing> write_request(Endpoint upstream, Request& request, const Target& target) {
  auto outgoing = write(upstream, request, target);
  if (outgoing && target.mode == Mode::kStrict && !outgoing->dropped.empty()) {
    const std::string& name = outgoing->dropped.front();
    outgoing = refuse(name, "'" + name + "' cannot be converted for this model's provider.");
  }
  if (request.client_field == nullptr) return outgoing;
  if (!outgoing) {
    return std::unexpected(renamed(std::move(outgoing.error()), request.client_field));
  }
  std::vector<std::string> dropped;
  for (const std::string& name : outgoing->dropped) note(dropped, request.client_field(name));
  outgoing->dropped = std::move(dropped);
  return outgoing;
}

Result<Answer> parse_answer(Endpoint upstream, std::string_view body, const AnswerPlan& plan) {
  switch (dialect_of(upstream)) {
    case Dialect::kAnthropic:
      return anthropic::parse_messages_response(body);
    case Dialect::kResponses:
      return responses::parse_responses_response(body, plan);
    case Dialect::kGemini:
      return gemini::parse_generate_response(body, plan);
    case Dialect::kOpenAi:
      break;
  }
  return openai::parse_chat_response(body);
}

std::string write_answer(Endpoint client, Answer& answer, const AnswerPlan& plan) {
  switch (dialect_of(client)) {
    case Dialect::kAnthropic:
      return anthropic::write_messages_response(answer, plan);
    case Dialect::kResponses:
      return responses::write_responses_response(answer, plan);
    case Dialect::kOpenAi:
    case Dialect::kGemini:
      break;
  }
  return openai::write_chat_response(answer, plan);
}

std::unique_ptr<StreamReader> make_stream_reader(Endpoint upstream, const AnswerPlan& plan) {
  switch (dialect_of(upstream)) {
    case Dialect::kAnthropic:
      return std::make_unique<anthropic::MessagesStreamReader>();
    case Dialect::kResponses:
      return std::make_unique<responses::ResponsesStreamReader>(plan);
    case Dialect::kGemini:
      return std::make_unique<gemini::GenerateStreamReader>(plan);
    case Dialect::kOpenAi:
      break;
  }
  return std::make_unique<openai::ChatStreamReader>();
}

std::unique_ptr<StreamWriter> make_stream_writer(Endpoint client, const AnswerPlan& plan) {
  switch (dialect_of(client)) {
    case Dialect::kAnthropic:
      return std::make_unique<anthropic::MessagesStreamWriter>(plan);
    case Dialect::kResponses:
      return std::make_unique<responses::ResponsesStreamWriter>(plan);
    case Dialect::kOpenAi:
    case Dialect::kGemini:
      break;
  }
  return std::make_unique<openai::ChatStreamWriter>(plan);
}

}  // namespace sluice::dialect::chat
