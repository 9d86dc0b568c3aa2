// The scalar forms of the configuration: numbers, durations, sizes, addresses, times, and
// ${NAME} in text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace sluice::config {

/// Value of an environment variable; nullopt when it is not set.
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

/// Replaces ${NAME} and ${NAME:-default} (the default also when NAME is empty); $${ is a plain
/// ${. What is put in is not looked at again. Error: a name that is not set and has no default,
/// or a malformed reference.
Result<std::string> expand(std::string_view text, const Lookup& environment);

/// Whole numbers in decimal without leading zeros, "-5" included; nullopt on anything else.
std::optional<int64_t> parse_integer(std::string_view text);

/// Decimal numbers without exponent, "0.25"; nullopt on anything else.
std::optional<double> parse_number(std::string_view text);

/// true and false, nothing else.
std::optional<bool> parse_bool(std::string_view text);

/// A number and one of ms, s, m, h; parts may follow each other from large to small: 1h30m.
/// A bare 0 is no time. Up to 10 years.
std::optional<Duration> parse_duration(std::string_view text);

/// Bytes: plain, or with one of KiB, MiB, GiB, KB, MB, GB.
std::optional<uint64_t> parse_size(std::string_view text);

/// Unix seconds of an RFC 3339 time, of the start of a date (UTC), or of a plain number.
std::optional<int64_t> parse_time(std::string_view text);

/// An IPv4 or IPv6 address, with or without a prefix length.
bool is_network(std::string_view text);

/// Letters, digits and ". _ -": what names of targets are made of.
bool is_name(std::string_view text);
bool is_name_character(char c);

/// RFC 9110 5.6.2: the name of a header field.
bool is_token(std::string_view text);

/// What can stand in a header field and be told apart from its surroundings.
bool is_credential(std::string_view text);

}  // namespace sluice::config
