// What the management API says and takes of an API key, whoever asks.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "admin/input.hpp"
#include "admin/routes.hpp"
#include "base/secret.hpp"
#include "json/writer.hpp"
#include "store/records.hpp"

namespace sluice::admin {

/// Of one user, whoever makes them.
inline constexpr int64_t kMostKeys = 1000;

/// The fields of a body that say what a key may do, but for its name: kept at a change, absent at
/// the making. kInvalidRequest.
Status read_limits(const Fields& fields, store::Key& key);

/// The members of a key's object, whose braces are the caller's.
void write_key(json::Writer& json, const store::Key& key);
/// A key alone, with its ETag. `user`: its owner's name, for administrators; null: not told.
/// `text`: of a key that was just made.
Answer answer_key(int status, const store::Key& key, const std::string* user = nullptr,
                  const Secret* text = nullptr);

/// Makes the text of a new key, and of `key` what is kept of it.
Result<Secret> make_text(store::Database& database, store::Key& key);

/// The id in the path; 0 for what is none.
int64_t key_id_of(const Call& call);
/// kInvalidRequest for a key of the configuration.
Status check_editable(const store::Key& key);
/// kPreconditionFailed when If-Match is another version, or absent where a shell does not ask.
Status check_version(const Call& call, const store::Key& key);

/// What PATCH makes of a key: its name and limits, and whether it works. In force when it returns.
Result<store::Key> change_key(const Call& call, store::Key key);
/// Makes a key that lacks only its text. In force when it returns.
struct MadeKey {
  store::Key key;
  Secret text;
};
Result<MadeKey> make_key(const Call& call, store::Key key);
Status delete_key(const Call& call, const store::Key& key);
/// A new key with what the limits of the old one leave.
Result<MadeKey> rotate_key(const Call& call, const store::Key& key);

Answer answer_deleted(const store::Key& key);

// Fields of bodies. The first one is the name, which a change need not give.
std::span<const Field> new_key_fields();
std::span<const Field> changed_key_fields();
std::span<const Field> rotation_fields();

}  // namespace sluice::admin
