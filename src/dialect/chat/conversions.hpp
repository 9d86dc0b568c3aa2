// Every dialect's way into the neutral model and out of it, by endpoint. Clients speak
// kChatCompletions, kMessages and kResponses; upstreams kGenerateContent too.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/chat/answer.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/model.hpp"
#include "dialect/chat/stream_reader.hpp"
#include "dialect/chat/stream_writer.hpp"
#include "dialect/dialect.hpp"

namespace sluice::dialect::chat {

/// Reads a client's body, one that understand() has taken. The request is a view of it.
/// kInvalidRequest, with the field in `param`, where it cannot mean anything, or asks for what no
/// other dialect has and cannot be left out.
Result<Request> parse_request(Endpoint client, std::string_view body);

/// Writes the request for the target. Completes its tools, names and messages in place: a request
/// is written once. In strict mode the first thing lost is an error.
Result<Outgoing> write_request(Endpoint upstream, Request& request, const Target& target);

/// Reads an upstream's answer, one that inspect_response() found valid and no error; a view of the
/// body. kUpstreamError when it is no answer.
Result<Answer> parse_answer(Endpoint upstream, std::string_view body, const AnswerPlan& plan);

/// Writes the answer for the client. What is lost is added to `answer.dropped`.
std::string write_answer(Endpoint client, Answer& answer, const AnswerPlan& plan);

/// `plan` outlives both.
std::unique_ptr<StreamReader> make_stream_reader(Endpoint upstream, const AnswerPlan& plan);
std::unique_ptr<StreamWriter> make_stream_writer(Endpoint client, const AnswerPlan& plan);

}  // namespace sluice::dialect::chat
