// The part of an attempt whose answer comes whole.
#include <algorithm>
#include <iterator>

#include "dialect/chat/answer_gatherer.hpp"
#include "dialect/embeddings.hpp"
#include "dialect/response.hpp"
#include "dialect/stream.hpp"
#include "http/content_coding.hpp"
#include "http/sse.hpp"
#include "json/slices.hpp"
#include "net/offload.hpp"
#include "relay/attempt.hpp"
#include "relay/headers.hpp"

namespace sluice::relay {

namespace {

constexpr size_t kMaxWholeBody = 64 * 1024 * 1024;
// A whole answer up to here is counted even though its upstream reports its usage.
constexpr size_t kMaxCounted = 256 * 1024;
// Longer lists of embeddings are written off the loop.
constexpr size_t kWrittenInline = 256 * 1024;
// At least so long may a client take to read a whole answer.
constexpr auto kSendTime = std::chrono::seconds(120);

}  // namespace

net::Task<AttemptedPtr> Attempt::whole() {
  if (in_.keep_alive.opened() || resumes()) {
    co_return failed(route::Failure::kCut, ErrorCode::kUpstreamError,
                     "the upstream did not stream its answer");
  }
  const http::ResponseHead& head = connection_->head();
  net::HeaderList headers = std::move(in_.own_headers);
  pass_headers(headers);
  const std::string encoding(head.fields.get("content-encoding"));
  const http::Coding coding = http::parse_coding(encoding);
  const bool passes =
      !translation_ && (coding == http::Coding::kUnknown ||
                        http::accepts(in_.call.head().fields.get("accept-encoding"), coding));
  const int status = head.status;
  const bool is_events = is_event_stream(head.fields);
  const bool ends_with_connection = head.framing == http::Framing::kUntilClose;
  // Some send their head at once, and the body when all of it is generated.
  const Duration patience = in_.upstream.provider->timeouts.first_answer(in_.request.stream);
  auto body = co_await read_body(kMaxWholeBody, sent_at_ + patience);
  if (!body) co_return failed(body.error());
  const bool coded = coding == http::Coding::kGzip || coding == http::Coding::kDeflate;
  std::string plain;
  if (coded) {
    auto text_of = decoded(*body, coding);
    if (!text_of) co_return failed(text_of.error());
    plain = std::move(*text_of);
  }
  const std::string_view text = coded ? plain : *body;
  const dialect::Endpoint endpoint = translation_ ? translation_->upstream : in_.request.endpoint;
  auto facts = dialect::inspect_response(endpoint, text);
  auto done = std::make_unique<Attempted>();
  done->upstream_wait = in_.call.loop().now() - sent_at_;
  give_back_connection();
  if (ends_with_connection && text.starts_with('{') && !facts.valid) {
    // Such a body may be cut anywhere, and only its text tells.
    co_return failed(route::Failure::kCut, ErrorCode::kUpstreamError,
                     "the upstream's answer broke off");
  }
  if (facts.is_error) {
    done->kind = Attempted::kFailed;
    done->upstream = std::move(facts.failure);
    done->body = text;
    note_failure(*done);
    co_return done;
  }
  std::optional<dialect::chat::Answer> answer;
  if (translation_) {
    auto read = is_events     ? gather_answer(*translation_, text)
                : facts.valid ? read_answer(*translation_, text)
                              : fail(ErrorCode::kUpstreamError, "the upstream's answer is no JSON");
    if (!read) {
      co_return failed(route::Failure::kCut, ErrorCode::kUpstreamError,
                       std::move(read.error().message));
    }
    answer = std::move(*read);
  }
  std::list<Turn> turns;  // outlive their use in the answer
  if (answer && answer->stop.reason == dialect::FinishReason::kPause) {
    co_await finish_turn(*answer, text, turns);
    facts.usage = answer->usage;
    done->upstream_wait.reset();
  }
  done->finish = answer ? answer->stop.reason : facts.finish_reason;
  std::string written;
  if (endpoint == dialect::Endpoint::kEmbeddings && facts.valid) {
    written = co_await embeddings_as_asked(text);
  }
  if (coding != http::Coding::kIdentity && passes && written.empty()) {
    headers.emplace_back("content-encoding", encoding);
  }
  in_.charge.keep_prompt(in_.request);
  in_.remote.clear();
  if (is_events) {
    facts.usage = count_events(endpoint, text);
  } else if (in_.request.stream) {
    // Whole although a stream was asked for, whose lease covers only its beginning.
    if (!in_.charge.count(dialect::output_texts(endpoint, text))) {
      in_.context.metrics.budget_cutoffs.add();
      done->kind = Attempted::kRefused;
      done->error = {.code = ErrorCode::kInsufficientQuota, .message = {}, .param = {}};
      co_return done;
    }
  } else if (!facts.usage.reported || text.size() <= kMaxCounted) {
    in_.charge.count_whole(dialect::output_texts(endpoint, text));
  }
  in_.charge.report(facts.usage);
  in_.charge.note_delivered();
  in_.charge.show(in_.live);
  if (answer) {
    if (!answer->usage.reported) answer->usage = in_.charge.told_usage();
    written = write_answer(*translation_, *answer);
    std::ranges::move(answer->dropped, std::back_inserter(translation_->dropped));
    add_dropped(headers);
    headers.emplace_back("content-type", "application/json");
  }
  co_return co_await deliver(std::move(done), status, headers,
                             !written.empty() ? written
                             : passes         ? std::string_view(*body)
                                              : text);
}

net::Task<std::string> Attempt::embeddings_as_asked(std::string_view answer) {
  const dialect::EmbeddingEncoding asked = dialect::embedding_encoding(in_.request.body);
  if (dialect::embeddings_are(asked, answer)) co_return std::string();
  if (answer.size() <= kWrittenInline) co_return dialect::write_embeddings(asked, answer);
  // Awaited to its end even if the client leaves: it works on what lives in this chain.
  net::Scope own(in_.call.loop());
  std::move_only_function<std::string()> work = [asked, answer] {
    return dialect::write_embeddings(asked, answer);
  };
  auto written = co_await net::offload<std::string>(in_.context.blocking, std::move(work), own);
  if (!written) co_return dialect::write_embeddings(asked, answer);  // the pool is full
  co_return std::move(*written);
}

net::Task<AttemptedPtr> Attempt::empty_answer() {
  dialect::chat::Answer answer;
  answer.id = answer.arena.text(in_.request_id);
  answer.model = answer.arena.text(in_.upstream_model);
  answer.stop.reason = dialect::FinishReason::kLength;
  answer.usage.input_known = answer.usage.reported = true;
  net::HeaderList headers = std::move(in_.own_headers);
  add_dropped(headers);
  headers.emplace_back("content-type", "application/json");
  const std::string body = write_answer(*translation_, answer);
  co_return co_await deliver(std::make_unique<Attempted>(), 200, headers, body);
}

net::Task<AttemptedPtr> Attempt::deliver(AttemptedPtr done, int status,
                                         const net::HeaderList& headers, std::string_view body) {
  const bool left = in_.call.client_left();
  const Status settled =
      co_await in_.settler.settle(left ? Outcome::kClientGone : Outcome::kFinished);
  if (!settled) {
    done->kind = Attempted::kRefused;
    done->error = settled.error();
    co_return done;
  }
  if (left) {
    done->kind = Attempted::kCancelled;
    co_return done;
  }
  in_.call.scope().set_deadline(std::max(total_until_, in_.call.loop().now() + kSendTime));
  const auto sent = co_await in_.call.respond(status, headers, body);
  done->first_content = sluice::now();
  if (!sent) done->kind = Attempted::kCancelled;
  co_return done;
}

net::Task<void> Attempt::finish_turn(dialect::chat::Answer& answer, std::string_view body,
                                     std::list<Turn>& turns) {
  const dialect::Endpoint endpoint = translation_->upstream;
  const Duration patience = in_.upstream.provider->timeouts.first_answer(false);
  std::string blocks;
  while (answer.stop.reason == dialect::FinishReason::kPause && continuation_.possible()) {
    const std::string_view said = json::Value(body)["content"].raw();
    if (said.size() <= 2) break;
    if (!blocks.empty()) blocks += ',';
    blocks += said.substr(1, said.size() - 2);
    // Where it ends before its time, what there is was paid for, and is told to be cut off.
    if (!in_.charge.go_on(answer.usage.counts.output) || !co_await go_on(blocks)) break;
    const http::Coding coding =
        http::parse_coding(connection_->head().fields.get("content-encoding"));
    auto next = co_await read_body(kMaxWholeBody, sent_at_ + patience);
    if (next) next = decoded(std::move(*next), coding);
    if (!next) {
      connection_.reset();
      break;
    }
    give_back_connection();
    Turn& turn = turns.emplace_back();
    turn.body = std::move(*next);
    body = turn.body;
    const auto facts = dialect::inspect_response(endpoint, body);
    if (!facts.valid || facts.is_error) break;
    auto read = read_answer(*translation_, body);
    if (!read) break;
    turn.answer = std::move(*read);
    in_.charge.count_whole(dialect::output_texts(endpoint, body));
    dialect::chat::append_answer(answer, turn.answer);
  }
}

Result<std::string> Attempt::decoded(std::string body, http::Coding coding) {
  if (coding != http::Coding::kGzip && coding != http::Coding::kDeflate) return body;
  std::string plain;
  http::Inflater inflater(coding, kMaxWholeBody);
  if (!inflater.feed(body, plain) || !inflater.finished()) {
    return fail(ErrorCode::kUpstreamError, "the upstream's answer could not be decompressed");
  }
  return plain;
}

dialect::Usage Attempt::count_events(dialect::Endpoint endpoint, std::string_view text) {
  dialect::StreamInspector inspector(endpoint, in_.request.adds_usage(), in_.request.choices());
  std::string padded;
  padded.reserve(text.size() + http::SseReader::kSlack);
  padded.append(text);
  http::SseReader reader(kMaxWholeBody);
  reader.feed(padded);
  while (const auto event = reader.next()) in_.charge.count_whole(inspector.inspect(*event).texts);
  if (const auto event = reader.finish()) in_.charge.count_whole(inspector.inspect(*event).texts);
  return inspector.usage();
}

}  // namespace sluice::relay
