// A conversation as neither dialect writes it, and as both can be written from: a list of
// messages, each a list of typed blocks in their order. It is as rich as Anthropic's form, which
// OpenAI's is a part of. Texts, arguments and schemas are slices of the body they came in, which
// must outlive the model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dialect/chat/texts.hpp"

namespace sluice::dialect::chat {

/// A body that holds more than this is refused; each of these costs more memory than its text.
inline constexpr size_t kMaxMessages = 20'000;
inline constexpr size_t kMaxBlocks = 100'000;
inline constexpr size_t kMaxBlockDepth = 8;
inline constexpr size_t kMaxTools = 4'096;
inline constexpr size_t kMaxStops = 1'024;
inline constexpr size_t kMaxExtras = 256;

enum class Role : uint8_t { kSystem, kDeveloper, kUser, kAssistant };

enum class BlockKind : uint8_t {
  kText,
  kThinking,          // text, signature
  kRedactedThinking,  // signature: the data
  kToolUse,           // id, name, input
  kToolResult,        // id, content, is_error
  kImage,             // source
  kDocument,          // source, name: its title
  kSearchResult,      // name: its title, text: its source, content
  kToolReference,     // name
  kServerTool,        // a tool that the upstream ran itself, or its result: raw
  kCompaction,        // text: the summary
  kOther,             // raw
};

/// Where an image or document is.
struct Source {
  enum class Kind : uint8_t { kNone, kBase64, kUrl, kText, kFileId, kBlocks };
  Kind kind = Kind::kNone;
  json::String media_type;  // kBase64, kText
  json::String data;        // base64, URL, text or id; kBlocks is Block::content
};

struct Block {
  BlockKind kind = BlockKind::kText;
  json::String text;
  json::String id;
  json::String name;
  json::String signature;  // of a call Gemini's own, if any
  json::Value input;       // an object
  Source source;
  std::vector<Block> content;
  bool is_error = false;
  /// The client's cache_control object; does not exist without one.
  json::Value cache_control;
  /// The block as it stood; of Anthropic's blocks always, of others where nothing else tells it.
  json::Value raw;
};

struct Message {
  Role role = Role::kUser;
  std::vector<Block> blocks;
  /// Of the message itself; for its last block.
  json::Value cache_control;
  size_t position = 0;  // in the client's `messages`, for errors
};

struct Tool {
  enum class Kind : uint8_t {
    kFunction,
    kServer,   // the upstream runs it: type, name, raw
    kBuiltIn,  // Anthropic's tools without a schema, which the client runs
  };
  Kind kind = Kind::kFunction;
  json::String type;  // Anthropic's, with its date
  json::String name;
  json::String description;
  json::Value schema;
  std::optional<bool> strict;
  json::Value cache_control;
  json::Value raw;
};

struct ToolChoice {
  enum class Mode : uint8_t { kUnset, kAuto, kNone, kRequired, kTool };
  Mode mode = Mode::kUnset;
  json::String name;                  // kTool
  std::vector<json::String> allowed;  // not empty: only these of the tools
  std::optional<bool> parallel;
};

enum class Effort : uint8_t { kUnset, kNone, kMinimal, kLow, kMedium, kHigh, kXhigh, kMax };
inline constexpr size_t kEfforts = 8;

/// "none", "minimal", ...; "" for kUnset.
std::string_view to_string(Effort effort);
/// kUnset for a word that is none.
Effort parse_effort(std::string_view word);

struct Reasoning {
  enum class Thinking : uint8_t { kUnset, kDisabled, kBetweenTools, kEnabled, kAdaptive };
  Thinking thinking = Thinking::kUnset;
  int64_t budget = 0;  // kEnabled
  Effort effort = Effort::kUnset;
  /// Anthropic's object as the client wrote it.
  json::Value raw;
};

struct OutputFormat {
  enum class Kind : uint8_t { kText, kJsonObject, kJsonSchema };
  Kind kind = Kind::kText;
  json::String name;
  json::String description;
  json::Value schema;
  std::optional<bool> strict;
};

enum class ServiceTier : uint8_t { kUnset, kAuto, kStandard, kPriority, kFlex };

/// A top-level member that only one dialect has, or that nobody knows: for the other to judge.
struct Extra {
  json::String name;
  json::Value value;
};

struct Request {
  Arena arena;
  json::String model;
  std::vector<Message> messages;
  std::vector<Tool> tools;
  ToolChoice tool_choice;
  std::optional<int64_t> max_tokens;
  json::Value temperature;
  json::Value top_p;
  json::Value top_k;
  std::vector<json::String> stop;
  Reasoning reasoning;
  OutputFormat output;
  ServiceTier service_tier = ServiceTier::kUnset;
  json::String user;
  json::Value cache_control;    // Anthropic's top-level breakpoint
  bool explicit_cache = false;  // the client says that it sets breakpoints itself
  bool stream = false;
  bool include_usage = false;
  bool legacy_functions = false;  // OpenAI's first form of tools
  std::vector<Extra> extras;
  /// Responses clients: the members of the response that repeat the request, as JSON without
  /// braces.
  std::string echo;
  /// What was lost in reading, by the names of the client's fields.
  std::vector<std::string> dropped;
  /// What the client calls a field that the writers know by another name: in what they drop and
  /// refuse. Null where they know it by the client's.
  std::string (*client_field)(std::string_view name) = nullptr;
};

}  // namespace sluice::dialect::chat
