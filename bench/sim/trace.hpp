// What arrives when: public traces, and one that is made up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sluice::sim {

struct Arrival {
  double at = 0;  // seconds since the first
  int64_t prompt = 0;
  int64_t output = 1;
  std::vector<uint64_t> prefix;  // hashes of its blocks of 512 tokens, each with all before it
};

/// AzureLLMInferenceTrace_conv.csv: TIMESTAMP,ContextTokens,GeneratedTokens
Result<std::vector<Arrival>> read_azure(const std::string& path);
/// mooncake_trace.jsonl: timestamp (ms), input_length, output_length, hash_ids
Result<std::vector<Arrival>> read_mooncake(const std::string& path);
/// Moves each by up to so many seconds, at random, but always alike: for a trace whose clock ticks
/// that coarsely.
void spread(std::vector<Arrival>& arrivals, double most);
/// Ten minutes at about `rate` a second, lengths spread like those of conversations; always the
/// same.
std::vector<Arrival> synthetic(double rate);

}  // namespace sluice::sim
