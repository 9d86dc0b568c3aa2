#include "relay/resume.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "dialect/chat/conversions.hpp"
#include "dialect/errors.hpp"
#include "json/slices.hpp"
#include "json/writer.hpp"
#include "relay/translation.hpp"

namespace sluice::relay {

namespace {

namespace chat = dialect::chat;
using chat::Event;
using dialect::Endpoint;

constexpr std::string_view kSpace = " \t\r\n";
// For models that do not continue their own message.
constexpr std::string_view kInstruction =
    "Your last message was cut off. Continue it from exactly where it ends, as if it had never "
    "been interrupted: no introduction, nothing that it says already, and white space at the "
    "beginning only where the text needs it.";

/// A member of the client's body that is there and asks for something.
bool asks(json::Value value) {
  return value.exists() && value.kind() != json::Kind::kNull && value.raw() != "false";
}

std::string_view role_of_last(json::Value messages) {
  std::string_view role;
  json::Elements elements(messages);
  for (json::Value element; elements.next(element);) {
    const json::Value value = element["role"];
    role = value.kind() == json::Kind::kString ? value.raw() : std::string_view{};
  }
  return role;
}

}  // namespace

/// Takes what goes to the client into the transcript.
class Resume::Recorder final : public chat::EventSink {
 public:
  explicit Recorder(Resume& resume) : resume_(resume) {}
  /// Where it goes further; null: it has gone out as it came.
  void lead_to(Writer* writer) { writer_ = writer; }
  void take(const Event& event) override;

 private:
  Resume& resume_;
  Writer* writer_ = nullptr;
};

/// Stands for the client's writer in the converter of one attempt.
class Resume::Writer final : public chat::StreamWriter {
 public:
  Writer(Resume& resume, const chat::NameMap& names) : resume_(resume), names_(names) {}
  ~Writer() override { resume_.recorder_->lead_to(nullptr); }

  void take(const Event& event) override {
    started_ |= event.kind == Event::Kind::kStart;
    Event own = event;
    // The next attempt's upstream may have other names for the same tools.
    if (event.block_kind == chat::BlockKind::kToolUse) own.name = names_.restore(event.name);
    if (resume_.matcher_) return resume_.matcher_->take(own);
    if (resume_.joiner_) return resume_.joiner_->take(own);
    resume_.recorder_->take(own);
  }
  std::string_view keep_alive() const override { return resume_.writer_->keep_alive(); }
  void finish(const chat::StreamEnd& end, const dialect::Usage& usage) override {
    inner().finish(end, usage);
  }
  void fail(const Error& error) override { inner().fail(error); }
  bool overflowed() const override { return resume_.writer_->overflowed(); }

  chat::StreamWriter& inner() {
    chat::StreamWriter& writer = *resume_.writer_;
    writer.prepare(usage(), request_id());
    writer.set_output(out());
    return writer;
  }

 private:
  Resume& resume_;
  const chat::NameMap& names_;
};

void Resume::Recorder::take(const Event& event) {
  Transcript& transcript = resume_.transcript_;
  if (resume_.broken() || transcript.usable()) transcript.take(event);
  if (!resume_.broken() && !transcript.usable()) {
    transcript.clear();
    transcript.spoil();
  }
  if (writer_ != nullptr) writer_->inner().take(event);
}

Resume::Resume(config::Resume mode, const dialect::InferenceRequest& request,
               std::string_view request_id)
    : mode_(mode),
      client_(request.endpoint),
      request_id_(request_id),
      include_usage_(request.include_usage) {
  json::Members members(request.body);
  for (json::Member member; members.next(member);) {
    legacy_functions_ |= member.key == "functions" && asks(member.value);
  }
  recorder_ = std::make_unique<Recorder>(*this);
}

Resume::~Resume() = default;

bool Resume::suits(const dialect::InferenceRequest& request) {
  if (!request.stream || request.choices() != 1) return false;
  switch (request.endpoint) {
    case Endpoint::kMessages:
    case Endpoint::kResponses:
      return true;
    case Endpoint::kChatCompletions:
      break;
    case Endpoint::kCompletions:
    case Endpoint::kEmbeddings:
    case Endpoint::kGenerateContent:
      return false;
  }
  json::Members members(request.body);
  for (json::Member member; members.next(member);) {
    if (member.key == "logprobs" && asks(member.value)) return false;
  }
  return true;
}

void Resume::forget() {
  transcript_.clear();
  reader_.reset();
  writer_.reset();
  said_bytes_ = 0;
  said_blocks_ = 0;
  created_ = 0;
}

std::unique_ptr<chat::StreamWriter> Resume::writer(const Translation& translation) {
  matcher_.reset();
  joiner_.reset();
  if (!broken()) {
    forget();
    plan_ = translation.plan;
    plan_.tool_names = {};
    writer_ = chat::make_stream_writer(client_, plan_);
  } else {
    if (!writer_) prime();
    if (joins()) {
      joiner_ = std::make_unique<Joiner>(transcript_, *recorder_);
    } else {
      matcher_ = std::make_unique<ReplayMatcher>(transcript_, *recorder_);
    }
  }
  auto writer = std::make_unique<Writer>(*this, translation.plan.tool_names);
  recorder_->lead_to(writer.get());
  return writer;
}

void Resume::prime() {
  plan_ = {};
  plan_.model = transcript_.model();
  plan_.include_usage = include_usage_;
  plan_.legacy_functions = legacy_functions_;
  plan_.created = created_;
  plan_.taken_over = true;
  writer_ = chat::make_stream_writer(client_, plan_);
  const dialect::Usage none;
  std::string sent;
  writer_->prepare(none, request_id_);
  writer_->set_output(sent);
  transcript_.replay(*writer_);
}

void Resume::watch() {
  forget();
  // The ids of its items are known to nobody else.
  if (client_ == Endpoint::kResponses) transcript_.spoil();
  reader_ = chat::make_stream_reader(client_, plan_);
}

dialect::EventVerdict Resume::inspect(dialect::StreamInspector& inspector,
                                      const http::SseEvent& event) {
  if (!transcript_.usable()) return inspector.inspect(event);
  parts_.clear();
  const dialect::EventVerdict verdict = inspector.inspect(event, &parts_);
  if (verdict.malformed || verdict.error || !event.has_data) return verdict;
  if (client_ == Endpoint::kChatCompletions) {
    if (verdict.terminal) return verdict;
    if (created_ == 0) {
      if (const auto created = parse_u64(json::Value(trim(event.data))["created"].raw())) {
        created_ = static_cast<int64_t>(*created);
      }
    }
  }
  if (parts_.type == "content_block_start") ++said_blocks_;
  if (parts_.citation.exists()) transcript_.spoil();
  for (const dialect::OutputText& text : verdict.texts) {
    if (text.kind == dialect::OutputText::Kind::kToolName) continue;
    said_bytes_ += text.text.escaped ? text.text.str().size() : text.text.bytes.size();
  }
  reader_->read({.parts = parts_,
                 .texts = verdict.texts,
                 .model = inspector.model(),
                 .finish = verdict.finish},
                *recorder_);
  if (!transcript_.usable()) reader_.reset();
  return verdict;
}

void Resume::end() {
  if (matcher_) matcher_->end();
  if (joiner_) joiner_->end();
}

bool Resume::possible() const {
  if (!begun_ || broken_ >= kMost || diverged() || !transcript_.usable()) return false;
  if (joins() && !transcript_.only_text()) return false;
  if (writer_) return true;
  // What the reader holds back, or leaves out, the client has.
  if (!reader_ || reader_->overflowed() || transcript_.text_bytes() != said_bytes_) return false;
  return client_ != Endpoint::kMessages || reader_->blocks() == said_blocks_;
}

void Resume::note_broken(Error error) {
  ++broken_;
  error_ = std::move(error);
  reader_.reset();
}

std::span<const dialect::OutputText> Resume::all() {
  transcript_.recount();
  return transcript_.fresh();
}

Result<dialect::InferenceRequest> Resume::ask_on(const dialect::InferenceRequest& request,
                                                 bool prefill) const {
  const auto impossible = [] {
    return fail(ErrorCode::kUpstreamStreamInterrupted, "the answer cannot be gone on with");
  };
  std::string said = transcript_.text();
  said.resize(said.find_last_not_of(kSpace) + 1);
  if (said.empty()) return impossible();
  std::string turns = R"({"role":"assistant","content":)";
  json::append_string(turns, said);
  turns += '}';
  if (!prefill) {
    turns += R"(,{"role":"user","content":)";
    json::append_string(turns, kInstruction);
    turns += '}';
  }
  const std::string_view list = client_ == Endpoint::kResponses ? "input" : "messages";
  json::Members members(request.body);
  for (json::Member member; members.next(member);) {
    if (!(member.key == list)) continue;
    const std::string_view raw = member.value.raw();
    std::string body = request.body.substr(0, member.value_offset);
    if (member.value.kind() == json::Kind::kString && client_ == Endpoint::kResponses) {
      body.append(R"([{"role":"user","content":)").append(raw).append("},");
    } else if (member.value.kind() == json::Kind::kArray && !member.value.is_empty() &&
               role_of_last(member.value) != R"("assistant")") {
      body.append(raw.substr(0, raw.size() - 1)).append(",");
    } else {
      // The client's own words stand where the model's would have to.
      return impossible();
    }
    body.append(turns).append("]");
    body.append(request.body, member.value_offset + raw.size());
    return dialect::understand(client_, std::move(body));
  }
  return impossible();
}

std::string Resume::error_frame(const Error& error) {
  if (!writer_) {
    return dialect::render_stream_error(dialect::dialect_of(client_), error, request_id_);
  }
  const dialect::Usage none;
  std::string frame;
  writer_->prepare(none, request_id_);
  writer_->set_output(frame);
  writer_->fail(error);
  return frame;
}

}  // namespace sluice::relay
