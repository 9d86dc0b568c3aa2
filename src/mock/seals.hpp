// What the scripted upstream signs, to know it again when a client plays it back: reasoning that
// it encrypted, signatures of thoughts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::mock {

/// Characters of the id of an item, behind its prefix.
inline constexpr size_t kItemIdLength = 48;

/// Appends `subject`, of letters and digits, and what only this server puts behind it.
void append_seal(std::string& out, std::string_view subject);

/// The subject of a seal; nullopt for whatever append_seal() has not made.
std::optional<std::string_view> unseal(std::string_view text);

}  // namespace sluice::mock
