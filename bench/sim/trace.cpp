#include "sim/trace.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <optional>

#include "json/slices.hpp"
#include "sim/random.hpp"

namespace sluice::sim {
namespace {

constexpr double kTenMinutes = 600;
constexpr int64_t kBlock = 512;

std::unexpected<Error> unreadable(const std::string& path, size_t line) {
  return fail(ErrorCode::kInvalidRequest,
              path + ":" + std::to_string(line) + ": not a line of such a trace");
}

template <typename T>
bool take(std::string_view& text, T& value, std::string_view end) {
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(static_cast<size_t>(at - text.data()));
  if (error != std::errc() || !text.starts_with(end)) return false;
  text.remove_prefix(end.size());
  return true;
}

/// 2023-11-16 18:15:46.6805900, as seconds.
bool take_time(std::string_view& text, double& value) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  double second = 0;
  if (!take(text, year, "-") || !take(text, month, "-") || !take(text, day, " ") ||
      !take(text, hour, ":") || !take(text, minute, ":") || !take(text, second, ",")) {
    return false;
  }
  const std::chrono::sys_days date =
      std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day);
  value = static_cast<double>(date.time_since_epoch().count()) * 86400 + hour * 3600 + minute * 60 +
          second;
  return true;
}

bool sane(const Arrival& arrival, const std::vector<Arrival>& before) {
  return (before.empty() || arrival.at >= before.back().at) && arrival.prompt > 0 &&
         arrival.prompt <= 180'000 && arrival.output >= 0 && arrival.output <= 10'000;
}

void from_first(std::vector<Arrival>& arrivals) {
  if (arrivals.empty()) return;
  const double first = arrivals.front().at;
  for (Arrival& arrival : arrivals) {
    arrival.at -= first;
    arrival.output = std::max<int64_t>(arrival.output, 1);
  }
}

}  // namespace

Result<std::vector<Arrival>> read_azure(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::kIo, path + ": cannot be read");
  std::vector<Arrival> arrivals;
  std::string line;
  std::getline(file, line);  // names of the columns
  for (size_t number = 2; std::getline(file, line); ++number) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty()) continue;
    std::string_view rest = line;
    Arrival arrival;
    if (!take_time(rest, arrival.at) || !take(rest, arrival.prompt, ",") ||
        !take(rest, arrival.output, "") || !sane(arrival, arrivals)) {
      return unreadable(path, number);
    }
    arrivals.push_back(std::move(arrival));
  }
  from_first(arrivals);
  return arrivals;
}

Result<std::vector<Arrival>> read_mooncake(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::kIo, path + ": cannot be read");
  std::vector<Arrival> arrivals;
  std::string line;
  for (size_t number = 1; std::getline(file, line); ++number) {
    if (line.empty()) continue;
    const json::Value value(line);
    const auto at = value["timestamp"].as_double();
    const auto prompt = value["input_length"].as_int();
    const auto output = value["output_length"].as_int();
    if (!at || !prompt || !output) return unreadable(path, number);
    Arrival arrival{.at = *at / 1000, .prompt = *prompt, .output = *output, .prefix = {}};
    json::Elements hashes(value["hash_ids"]);
    for (json::Value hash; hashes.next(hash);) {
      const auto id = hash.as_int();
      if (!id) return unreadable(path, number);
      arrival.prefix.push_back(static_cast<uint64_t>(*id));
    }
    if (!sane(arrival, arrivals)) return unreadable(path, number);
    // The last one is of a block that is not full: it cannot be used again.
    arrival.prefix.resize(
        std::min(arrival.prefix.size(), static_cast<size_t>(arrival.prompt / kBlock)));
    arrivals.push_back(std::move(arrival));
  }
  from_first(arrivals);
  return arrivals;
}

void spread(std::vector<Arrival>& arrivals, double most) {
  if (most <= 0) return;
  Random random(1);
  for (Arrival& arrival : arrivals) arrival.at += most * random.share();
  std::ranges::sort(arrivals, {}, &Arrival::at);
}

std::vector<Arrival> synthetic(double rate) {
  Random random(1);
  struct Conversation {
    uint64_t id = 0;
    int64_t tokens = 0;
  };
  std::vector<Conversation> conversations;
  std::vector<Arrival> arrivals;
  for (double at = 0; at < kTenMinutes; at += random.exponential(1 / rate)) {
    const bool again = !conversations.empty() && random.share() < 0.5;
    if (!again) conversations.push_back({.id = random.bits()});
    const size_t recent = std::min<size_t>(conversations.size(), 40);
    Conversation& conversation =
        again ? conversations[conversations.size() - 1 - random.below(recent)]
              : conversations.back();
    Arrival arrival;
    arrival.at = at;
    const auto added = static_cast<int64_t>(random.log_normal(600, 0.9));
    arrival.prompt = std::clamp<int64_t>(conversation.tokens + added, 16, 16'000);
    arrival.output =
        std::clamp<int64_t>(static_cast<int64_t>(random.log_normal(160, 0.8)), 1, 1000);
    for (int64_t block = 1; block <= arrival.prompt / kBlock; ++block) {
      arrival.prefix.push_back(Random(conversation.id + static_cast<uint64_t>(block)).bits());
    }
    conversation.tokens = arrival.prompt + arrival.output;
    arrivals.push_back(std::move(arrival));
  }
  return arrivals;
}

}  // namespace sluice::sim
