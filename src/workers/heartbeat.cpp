#include "workers/heartbeat.hpp"

#include <cmath>
#include <initializer_list>
#include <utility>

#include "http/url.hpp"
#include "json/reader.hpp"
#include "json/slices.hpp"

namespace sluice::workers {
namespace {

using json::Kind;

constexpr int64_t kMaxIntervalMs = 3'600'000;
constexpr double kMaxTime = 1e12;  // seconds
constexpr size_t kMaxUrl = 2048;
constexpr size_t kMaxGpus = 256;

bool printable(std::string_view text, bool ascii) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (ascii && byte > 0x7e)) return false;
  }
  return true;
}

/// Reads the members of one heartbeat. The first error stays.
class Parser {
 public:
  explicit Parser(std::string_view json) : reader_(json) {}

  Result<Heartbeat> run() {
    if (reader_.peek() != Kind::kObject) return bad("", "A heartbeat is a JSON object.");
    reader_.begin_object();
    json::String key;
    while (!error_ && reader_.next_member(key)) member(key);
    if (error_) return std::unexpected(std::move(*error_));
    if (!reader_.finish()) return bad("", "The heartbeat is not valid JSON.");
    if (out_.worker_id.empty()) return bad("worker_id", "worker_id is missing.");
    return std::move(out_);
  }

 private:
  void member(const json::String& key) {
    if (key == "worker_id") {
      text("worker_id", out_.worker_id, kMaxIdBytes, true);
    } else if (key == "supported") {
      names("supported", out_.supported);
    } else if (key == "total_vram") {
      integer("total_vram", out_.total_vram, 0, kMaxBytes);
    } else if (key == "available_vram") {
      integer("available_vram", out_.available_vram, 0, kMaxBytes);
    } else if (key == "active_tasks") {
      integer("active_tasks", out_.active_tasks, 0, kMaxTasks);
    } else if (key == "max_tasks") {
      integer("max_tasks", out_.max_tasks, 0, kMaxTasks);
    } else if (key == "endpoint") {
      endpoint();
    } else if (key == "is_fallback") {
      boolean("is_fallback", out_.is_fallback);
    } else if (key == "boot_id") {
      text("boot_id", out_.boot_id, kMaxIdBytes, true);
    } else if (key == "seq") {
      integer("seq", out_.seq, 0, INT64_MAX);
    } else if (key == "sample_at") {
      real("sample_at", out_.sample_at, kMaxTime);
    } else if (key == "interval_ms") {
      integer("interval_ms", out_.interval_ms, 1, kMaxIntervalMs);
    } else if (key == "state") {
      state();
    } else if (key == "engine") {
      text("engine", out_.engine, kMaxText, false);
    } else if (key == "engine_version") {
      text("engine_version", out_.engine_version, kMaxText, false);
    } else if (key == "gpu") {
      gpus();
    } else if (key == "kv_total_bytes") {
      integer("kv_total_bytes", out_.kv_total_bytes, 0, kMaxBytes);
    } else if (key == "kv_free_bytes") {
      integer("kv_free_bytes", out_.kv_free_bytes, 0, kMaxBytes);
    } else if (key == "kv_total_tokens") {
      integer("kv_total_tokens", out_.kv_total_tokens, 0, kMaxTokens);
    } else if (key == "kv_free_tokens") {
      integer("kv_free_tokens", out_.kv_free_tokens, 0, kMaxTokens);
    } else if (key == "waiting_tasks") {
      integer("waiting_tasks", out_.waiting_tasks, 0, kMaxTasks);
    } else if (key == "waiting_tokens") {
      integer("waiting_tokens", out_.waiting_tokens, 0, kMaxTokens);
    } else if (key == "prefill_tps") {
      speed("prefill_tps", out_.prefill_tps);
    } else if (key == "decode_tps") {
      speed("decode_tps", out_.decode_tps);
    } else if (key == "models") {
      models();
    } else {
      reader_.skip();
    }
  }

  std::unexpected<Error> bad(std::string param, std::string message) {
    return std::unexpected(Error{ErrorCode::kInvalidRequest, std::move(message), std::move(param)});
  }
  void refuse(std::string_view field, std::string_view what) {
    if (error_) return;
    error_ = Error{ErrorCode::kInvalidRequest, std::string(field) + " " + std::string(what) + ".",
                   std::string(field)};
  }

  /// True when null came, which is consumed.
  bool null() {
    if (reader_.peek() != Kind::kNull) return false;
    reader_.skip();
    return true;
  }

  void text(std::string_view field, std::string& out, size_t most, bool ascii) {
    out.clear();
    if (null()) return;
    if (reader_.peek() != Kind::kString) return refuse(field, "is no string");
    const json::String value = reader_.string();
    // An escape has at most six bytes for one.
    if (value.bytes.size() > most * 6) return refuse(field, "is too long");
    value.append_to(out);
    if (out.size() > most) return refuse(field, "is too long");
    if (!printable(out, ascii)) return refuse(field, "has characters that cannot be printed");
    if (!json::valid_utf8(out)) return refuse(field, "is not valid UTF-8");
  }

  void integer(std::string_view field, std::optional<int64_t>& out, int64_t least, int64_t most) {
    out.reset();
    if (null()) return;
    if (reader_.peek() != Kind::kNumber) return refuse(field, "is no number");
    const json::Value value(reader_.skip());
    if (reader_.failed()) return;
    std::optional<int64_t> number = value.as_int();
    if (!number) {
      // Some languages have no integers: 12884901888.0, 1.2884901888e10.
      const std::optional<double> real = value.as_double();
      if (!real || std::floor(*real) != *real) return refuse(field, "is no whole number");
      if (std::fabs(*real) > 9e15) return refuse(field, "is out of range");
      number = static_cast<int64_t>(*real);
    }
    if (*number < least || *number > most) return refuse(field, "is out of range");
    out = *number;
  }

  void real(std::string_view field, std::optional<double>& out, double most) {
    out.reset();
    if (null()) return;
    if (reader_.peek() != Kind::kNumber) return refuse(field, "is no number");
    const std::optional<double> value = json::Value(reader_.skip()).as_double();
    if (reader_.failed()) return;
    if (!value || !(*value >= 0 && *value <= most)) return refuse(field, "is out of range");
    out = *value;
  }

  /// Who has no speed has not measured it yet.
  void speed(std::string_view field, std::optional<double>& out) {
    real(field, out, kMaxSpeed);
    if (out && *out < 1e-6) out.reset();
  }

  void boolean(std::string_view field, std::optional<bool>& out) {
    out.reset();
    if (null()) return;
    if (reader_.peek() != Kind::kBool) return refuse(field, "is neither true nor false");
    out = reader_.skip() == "true";
  }

  void names(std::string_view field, std::vector<std::string>& out) {
    out.clear();
    if (null()) return;
    if (!reader_.begin_array()) return refuse(field, "is no list");
    while (!error_ && reader_.next_element()) {
      if (++names_ > 2 * kMaxModels) return refuse(field, "has too many names");
      std::string name;
      text(field, name, kMaxText, false);
      if (error_) return;
      if (name.empty()) return refuse(field, "has an empty name");
      out.push_back(std::move(name));
    }
    if (out.size() > kMaxModels) refuse(field, "has too many names");
  }

  void endpoint() {
    text("endpoint", out_.endpoint, kMaxUrl, true);
    if (error_ || out_.endpoint.empty()) return;
    if (!http::parse_url(out_.endpoint)) {
      refuse("endpoint", "is no http or https URL without credentials, query and fragment");
    }
  }

  void state() {
    out_.state = WorkerState::kReady;
    if (null()) return;
    std::string name;
    text("state", name, kMaxText, true);
    if (name == "starting") {
      out_.state = WorkerState::kStarting;
    } else if (name == "draining") {
      out_.state = WorkerState::kDraining;
    } else if (name != "ready") {
      refuse("state", "is none of starting, ready and draining");
    }
  }

  void gpus() {
    out_.gpus.clear();
    if (null()) return;
    if (!reader_.begin_array()) return refuse("gpu", "is no list");
    while (!error_ && reader_.next_element()) {
      if (out_.gpus.size() == kMaxGpus) return refuse("gpu", "has too many elements");
      if (!reader_.begin_object()) return refuse("gpu", "has an element that is no object");
      Gpu& gpu = out_.gpus.emplace_back();
      json::String key;
      while (!error_ && reader_.next_member(key)) {
        std::optional<int64_t> bytes;
        if (key == "name") {
          text("gpu.name", gpu.name, kMaxText, false);
        } else if (key == "total_bytes") {
          integer("gpu.total_bytes", bytes, 0, kMaxBytes);
          gpu.total_bytes = bytes.value_or(0);
        } else if (key == "free_bytes") {
          integer("gpu.free_bytes", bytes, 0, kMaxBytes);
          gpu.free_bytes = bytes.value_or(0);
        } else {
          reader_.skip();
        }
      }
    }
  }

  void models() {
    out_.models.clear();
    if (null()) return;
    if (!reader_.begin_array()) return refuse("models", "is no list");
    while (!error_ && reader_.next_element()) {
      if (out_.models.size() == kMaxModels) return refuse("models", "has too many elements");
      if (!reader_.begin_object()) return refuse("models", "has an element that is no object");
      LoadedModel& model = out_.models.emplace_back();
      json::String key;
      while (!error_ && reader_.next_member(key)) {
        if (key == "id") {
          text("models.id", model.id, kMaxText, false);
        } else if (key == "loaded") {
          std::optional<bool> loaded;
          boolean("models.loaded", loaded);
          model.loaded = loaded.value_or(true);
        } else if (key == "loras") {
          names("models.loras", model.loras);
        } else if (key == "max_len") {
          std::optional<int64_t> tokens;
          integer("models.max_len", tokens, 0, kMaxTokens);
          model.max_len = tokens.value_or(0);
        } else {
          reader_.skip();
        }
      }
      if (!error_ && !reader_.failed() && model.id.empty()) refuse("models.id", "is missing");
    }
  }

  json::Reader reader_;
  Heartbeat out_;
  std::optional<Error> error_;
  size_t names_ = 0;  // in all lists together
};

}  // namespace

Result<Heartbeat> parse_heartbeat(std::string_view json) {
  if (json.size() > kMaxHeartbeat) {
    return fail(ErrorCode::kInvalidRequest, "The heartbeat is too long.");
  }
  return Parser(json).run();
}

Result<HeartbeatReply> parse_reply(std::string_view json) {
  HeartbeatReply reply;
  json::Members members(json);
  json::Member member;
  bool known = false;
  bool time = false;
  while (members.next(member)) {
    if (member.key == "known") {
      known = member.value.as_bool().has_value();
      reply.known = member.value.as_bool().value_or(false);
    } else if (member.key == "gw_time") {
      time = member.value.as_double().has_value();
      reply.gw_time = member.value.as_double().value_or(0);
    } else if (member.key == "next_interval_ms") {
      const int64_t interval = member.value.as_int().value_or(0);
      if (interval > 0 && interval <= kMaxIntervalMs) reply.next_interval_ms = interval;
    }
  }
  if (!members.complete() || !known || !time || !std::isfinite(reply.gw_time)) {
    return fail(ErrorCode::kProtocol, "The answer to a heartbeat is not understood.");
  }
  return reply;
}

}  // namespace sluice::workers
