#include "tokens/cli.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <memory>

#include "json/writer.hpp"
#include "tokens/bpe.hpp"
#include "tokens/model_table.hpp"
#include "tokens/stream_counter.hpp"
#include "tokens/utf8.hpp"

namespace sluice::tokens {

namespace {

constexpr size_t kChunk = 256 * 1024;

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// The tokens themselves, of a text that comes in pieces.
class StreamEncoder {
 public:
  explicit StreamEncoder(const Encoding& encoding) : encoding_(encoding) {}

  /// Appends the tokens that are certain. Keeps the text behind them, which is as long as its
  /// longest word, and looks at it again only when it has doubled.
  void add(std::string_view bytes, std::vector<uint32_t>& tokens) {
    raw_ += bytes;
    raw_.erase(0, append_valid(text_, raw_, false));
    if (text_.size() < due_) return;
    size_t done = 0;
    for_each_piece(encoding_.pattern(), text_, [&](std::string_view piece, bool open) {
      if (open) return false;
      encode_piece(encoding_.vocabulary(), piece, tokens);
      done += piece.size();
      return true;
    });
    text_.erase(0, done);
    due_ = 2 * text_.size();
  }
  void finish(std::vector<uint32_t>& tokens) {
    append_valid(text_, raw_, true);
    encoding_.encode(text_, tokens);
  }

 private:
  const Encoding& encoding_;
  std::string raw_;   // the beginning of a character
  std::string text_;  // valid UTF-8 behind the last certain token
  size_t due_ = 0;
};

// What one file holds, printed as it is found out.
class Output {
 public:
  Output(const FileOptions& options, EncodingId encoding, bool exact)
      : options_(options), name_(to_string(encoding)), exact_(exact) {}

  void begin() {
    if (!options_.json) return;
    json_.begin_object().member("encoding", name_);
    if (!options_.model.empty()) json_.member("model", options_.model).member("exact", exact_);
    json_.key("files").begin_array();
  }
  void begin_file(const std::string& file) {
    is_first_token_ = true;
    if (!options_.json) return;
    json_.begin_object().member("file", file);
    if (options_.ids) json_.key("ids").begin_array();
  }
  void tokens(const std::vector<uint32_t>& tokens) {
    for (const uint32_t token : tokens) {
      if (options_.json) {
        json_.number(static_cast<uint64_t>(token));
      } else {
        fmt::format_to(std::back_inserter(text_), "{}{}", is_first_token_ ? "" : " ", token);
        is_first_token_ = false;
      }
    }
    flush();
  }
  void end_file(const std::string& file, uint64_t bytes, int64_t count) {
    total_ += count;
    if (options_.json) {
      if (options_.ids) json_.end_array();
      json_.member("bytes", bytes).member("tokens", count).end_object();
    } else if (options_.ids) {
      text_ += '\n';
    } else {
      line(count, file);
    }
    flush();
  }
  /// Of a file that could not be read.
  void drop_file(const std::string& why) {
    if (!options_.json) return;
    if (options_.ids) json_.end_array();
    json_.member("error", why).end_object();
  }
  void end() {
    if (options_.json) {
      json_.end_array().member("total", total_).end_object();
      text_ += '\n';
    } else if (!options_.ids && options_.files.size() > 1) {
      line(total_, "total");
    }
    flush();
  }

 private:
  void line(int64_t count, std::string_view name) {
    if (options_.files.size() > 1) {
      fmt::format_to(std::back_inserter(text_), "{:>10}  {}\n", count, name);
    } else {
      fmt::format_to(std::back_inserter(text_), "{}\n", count);
    }
  }
  void flush() {
    print(text_);
    text_.clear();
  }

  const FileOptions& options_;
  std::string name_;
  bool exact_;
  std::string text_;
  json::Writer json_{text_};
  bool is_first_token_ = true;
  int64_t total_ = 0;
};

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Prints what one file holds; false when it could not be read.
bool print_file(const std::string& name, const Encoding& encoding, const FileOptions& options,
                Output& output) {
  const auto complain = [&] {
    const char* why = std::strerror(errno);
    output.drop_file(why);
    std::fprintf(stderr, "sluice tokens: %s: %s\n", name.c_str(), why);
    return false;
  };
  output.begin_file(name);
  std::unique_ptr<std::FILE, Close> opened;
  std::FILE* file = stdin;
  if (name != "-") {
    opened.reset(std::fopen(name.c_str(), "rbe"));
    if (!opened) return complain();
    file = opened.get();
  }
  StreamCounter counter(encoding);
  StreamEncoder encoder(encoding);
  std::vector<uint32_t> tokens;
  uint64_t bytes = 0;
  int64_t count = 0;
  const auto put_tokens = [&] {
    count += static_cast<int64_t>(tokens.size());
    output.tokens(tokens);
    tokens.clear();
  };
  std::vector<char> chunk(kChunk);
  while (const size_t size = std::fread(chunk.data(), 1, chunk.size(), file)) {
    bytes += size;
    const std::string_view text(chunk.data(), size);
    if (options.ids) {
      encoder.add(text, tokens);
      put_tokens();
    } else {
      count = counter.add(text);
    }
  }
  if (std::ferror(file) != 0) return complain();
  if (options.ids) {
    encoder.finish(tokens);
    put_tokens();
  }
  output.end_file(name, bytes, count);
  return true;
}

}  // namespace

void add_options(CLI::App& app, FileOptions& options) {
  app.add_option("files", options.files, "Files to count; - or none: standard input")
      ->type_name("FILE");
  auto* encoding = app.add_option_function<std::string>(
      "--encoding",
      [&options](const std::string& name) {
        const auto id = parse_encoding(name);
        if (!id) throw CLI::ValidationError("--encoding: there is no encoding " + name);
        options.encoding = *id;
      },
      "o200k_base (default), cl100k_base, p50k_base or r50k_base");
  encoding->type_name("NAME");
  app.add_option("--model", options.model, "Counts with the encoding of this model")
      ->excludes(encoding)
      ->type_name("NAME");
  app.add_flag("--ids", options.ids, "Prints the tokens themselves, a line a file");
  app.add_flag("--json", options.json, "Prints JSON");
}

int run(const FileOptions& given) {
  FileOptions options = given;
  if (options.files.empty()) options.files.emplace_back("-");
  EncodingId id = options.encoding;
  bool exact = true;
  if (!options.model.empty()) {
    const ModelFacts facts = facts_of(options.model);
    id = facts.encoding;
    exact = facts.exact;
  }
  if (!exact) {
    std::fprintf(stderr, "sluice tokens: the encoding of %s is not public; this is %s\n",
                 options.model.c_str(), std::string(to_string(id)).c_str());
  }
  Output output(options, id, exact);
  output.begin();
  bool good = true;
  for (const std::string& file : options.files) {
    good &= print_file(file, Encoding::get(id), options, output);
  }
  output.end();
  return good && std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace sluice::tokens
