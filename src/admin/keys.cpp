// API keys, by administrators.
#include <fmt/format.h>

#include <unordered_map>

#include "admin/key_fields.hpp"
#include "base/text.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

/// Who owns keys, by name; "" is nobody.
class Owners {
 public:
  explicit Owners(store::Keys& keys) : keys_(keys) {}

  Result<const std::string*> name(int64_t user_id) {
    const auto [known, fresh] = names_.try_emplace(user_id);
    if (fresh && user_id != 0) {
      auto wallet = keys_.wallet_of(user_id);
      if (!wallet) return std::unexpected(wallet.error());
      if (*wallet) known->second = std::move((*wallet)->user);
    }
    return &known->second;
  }

 private:
  store::Keys& keys_;
  std::unordered_map<int64_t, std::string> names_;
};

Result<store::Key> key_of(const Call& call) {
  const int64_t id = key_id_of(call);
  if (id == 0) {
    return fail(ErrorCode::kInvalidRequest, "a key's id is a positive whole number", "id");
  }
  auto key = call.service.database().api_keys().key(id);
  if (!key) return std::unexpected(key.error());
  if (!*key) return fail(ErrorCode::kNotFound, "there is no key with this id");
  return std::move(**key);
}

Result<Answer> answer_with_owner(const Call& call, int status, const store::Key& key,
                                 const Secret* text = nullptr) {
  Owners owners(call.service.database().api_keys());
  const auto user = owners.name(key.user_id);
  if (!user) return std::unexpected(user.error());
  return answer_key(status, key, *user, text);
}

Result<Answer> list_keys(const Call& call) {
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  const auto after = call.query.number("cursor");
  if (!after) return std::unexpected(after.error());
  const auto user = call.query.text("user");
  if (!user) return std::unexpected(user.error());
  store::Database& database = call.service.database();
  store::Keys::Page page{.user_id = {}, .after = *after, .limit = *limit + 1};
  if (!user->empty()) {
    const auto wallet = database.wallet(*user);
    if (!wallet) return std::unexpected(wallet.error());
    page.user_id = wallet->user_id;
  }
  auto keys = database.api_keys().page(page);
  if (!keys) return std::unexpected(keys.error());
  const bool more = keys->size() > static_cast<size_t>(*limit);
  if (more) keys->resize(static_cast<size_t>(*limit));
  Owners owners(database.api_keys());
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Key& key : *keys) {
    const auto owner = owners.name(key.user_id);
    if (!owner) return std::unexpected(owner.error());
    json.begin_object();
    write_key(json, key);
    json.member("user", **owner).end_object();
  }
  json.end_array().key("next_cursor");
  if (more) {
    json.string(std::to_string(keys->back().id));
  } else {
    json.null();
  }
  json.end_object();
  return answer;
}

Result<Answer> create(const Call& call) {
  store::Key key;
  auto name = call.fields.required_text("name", kMaxName);
  if (!name) return std::unexpected(name.error());
  key.name = std::move(*name);
  if (Status read = read_limits(call.fields, key); !read) return std::unexpected(read.error());
  const auto user = call.fields.text("user", kMaxName);
  if (!user) return std::unexpected(user.error());
  if (!user->empty()) {
    const auto wallet = call.service.database().ensure_wallet(*user);
    if (!wallet) return std::unexpected(wallet.error());
    key.user_id = wallet->user_id;
  }
  const auto made = make_key(call, std::move(key));
  if (!made) return std::unexpected(made.error());
  return answer_key(201, made->key, &*user, &made->text);
}

Result<Answer> show(const Call& call) {
  const auto key = key_of(call);
  if (!key) return std::unexpected(key.error());
  return answer_with_owner(call, 200, *key);
}

Result<Answer> change(const Call& call) {
  auto key = key_of(call);
  if (!key) return std::unexpected(key.error());
  const auto changed = change_key(call, std::move(*key));
  if (!changed) return std::unexpected(changed.error());
  return answer_with_owner(call, 200, *changed);
}

Result<Answer> remove(const Call& call) {
  const auto key = key_of(call);
  if (!key) return std::unexpected(key.error());
  if (Status done = delete_key(call, *key); !done) return std::unexpected(done.error());
  return answer_deleted(*key);
}

Result<Answer> rotate(const Call& call) {
  const auto key = key_of(call);
  if (!key) return std::unexpected(key.error());
  const auto made = rotate_key(call, *key);
  if (!made) return std::unexpected(made.error());
  return answer_with_owner(call, 201, made->key, &made->text);
}

const std::vector<Field> kNewKey = [] {
  const auto usual = new_key_fields();
  std::vector<Field> fields(usual.begin(), usual.end());
  fields.push_back({"user", FieldKind::kText, "Whose wallet pays; absent: nobody's."});
  return fields;
}();

constexpr Field kPage[] = {
    {"limit", FieldKind::kCount, "Keys of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
    {"user", FieldKind::kText, "Only those of this user."},
};

}  // namespace

std::span<const Route> key_routes() {
  static const Route routes[] = {
      {.method = "GET",
       .pattern = "/api/admin/keys",
       .handle = list_keys,
       .summary = "API keys in the order of their ids, those of the configuration too.",
       .query = kPage},
      {.method = "POST",
       .pattern = "/api/admin/keys",
       .handle = create,
       .summary = "Makes an API key, which is shown once.",
       .body = kNewKey},
      {.method = "GET",
       .pattern = "/api/admin/keys/{id}",
       .handle = show,
       .summary = "An API key."},
      {.method = "PATCH",
       .pattern = "/api/admin/keys/{id}",
       .handle = change,
       .summary = "Changes an API key.",
       .body = changed_key_fields()},
      {.method = "DELETE",
       .pattern = "/api/admin/keys/{id}",
       .handle = remove,
       .summary = "Deletes an API key."},
      {.method = "POST",
       .pattern = "/api/admin/keys/{id}/rotate",
       .handle = rotate,
       .summary = "Makes an API key in the place of another, which works a while longer.",
       .body = rotation_fields()},
  };
  return routes;
}

}  // namespace sluice::admin
