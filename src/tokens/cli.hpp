// `sluice tokens`: counts the tokens of files.
#pragma once

#include <string>
#include <vector>

#include "tokens/encoding.hpp"

namespace CLI {
class App;
}

namespace sluice::tokens {

struct FileOptions {
  std::vector<std::string> files;  // none, and "-": standard input
  EncodingId encoding = EncodingId::kO200kBase;
  std::string model;  // when given, its encoding
  bool ids = false;
  bool json = false;
};

/// Adds the options to a subcommand. `options` outlives the parsing, and holds the defaults
/// beforehand and what was asked for afterwards.
void add_options(CLI::App& app, FileOptions& options);

/// Reads the files piece by piece and prints what they hold. 0, or 1 when one could not be read.
int run(const FileOptions& options);

}  // namespace sluice::tokens
