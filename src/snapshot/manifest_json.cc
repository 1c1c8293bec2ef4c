// SPDX-License-Identifier: MIT
#include "snapshot/manifest_json.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "snapshot/format.h"

namespace pwalk::snapshot {

void broken_manifest(const std::string& place, const char* rule, const std::string& detail) {
  throw FormatError(format::manifest_name, place, rule, detail);
}

namespace {

[[noreturn]] void broken(const std::string& place, const std::string& detail) {
  broken_manifest(place, rule::manifest_members, detail);
}

}  // namespace

JsonObject::JsonObject(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
  if (!json_.is_object()) broken(place_, "not an object");
}

const Json& JsonObject::member(const char* name) const {
  auto found = json_.find(name);
  if (found == json_.end()) broken(place(name), "missing");
  return *found;
}

std::uint64_t JsonObject::number(const char* name, std::uint64_t limit) const {
  const Json& value = member(name);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > limit)
    broken(place(name), "not a number in its range");
  return value.get<std::uint64_t>();
}

void JsonObject::get(const char* name, bool& out) const {
  const Json& value = member(name);
  if (!value.is_boolean()) broken(place(name), "not a boolean");
  out = value.get<bool>();
}

void JsonObject::get(const char* name, std::string& out) const {
  out = text(member(name), place(name));
}

void JsonObject::get(const char* name, Timestamp& out) const {
  JsonObject time(member(name), place(name));
  const Json& seconds = time.member("seconds");
  if (!seconds.is_number_integer() ||
      (seconds.is_number_unsigned() &&
       seconds.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())))
    broken(time.place("seconds"), "not a number in its range");
  out.seconds = seconds.get<std::int64_t>();
  out.nanoseconds = static_cast<std::uint32_t>(time.number("nanoseconds", 999'999'999));
}

const Json& JsonObject::object(const char* name) const {
  const Json& value = member(name);
  if (!value.is_object()) broken(place(name), "not an object");
  return value;
}

std::string JsonObject::text(const Json& value, const std::string& place) {
  if (!value.is_string()) broken(place, "not a string");
  auto decoded = percent_decode(value.get_ref<const std::string&>());
  if (!decoded) broken(place, "not percent-encoded");
  return *decoded;
}

namespace {

/// Takes what the parser meets, and keeps the members that are wanted and the element that is being read.
class Receiver final : public nlohmann::json_sax<Json> {
 public:
  Receiver(std::initializer_list<std::string_view> names, std::initializer_list<const JsonList*> lists)
      : names_(names) {
    for (const JsonList* list : lists) lists_.push_back({list});
  }

  Json& members() noexcept { return members_; }
  bool is_object() const noexcept { return is_object_; }
  void require_lists() const { require_lists_of(nullptr); }

  bool null() override { return value(nullptr); }
  bool boolean(bool given) override { return value(given); }
  bool number_integer(number_integer_t given) override { return value(given); }
  bool number_unsigned(number_unsigned_t given) override { return value(given); }
  bool number_float(number_float_t given, const string_t&) override { return value(given); }
  bool string(string_t& given) override { return value(std::move(given)); }
  bool binary(binary_t&) override { return false; }  // not in a text
  bool start_object(std::size_t) override { return start(Json::object()); }
  bool start_array(std::size_t) override { return start(Json::array()); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  bool key(string_t& name) override {
    if (passed_over_ > 0) return true;
    const Open& in = open_.back();
    next_list_ = nullptr;
    bool of_manifest = open_.size() == 1;
    if (of_manifest || in.element_of != nullptr) {
      for (List& list : lists_)
        if (list.list->outer == (of_manifest ? nullptr : in.element_of->list) && list.list->name == name)
          next_list_ = &list;
    }
    pass_over_next_ =
        of_manifest && next_list_ == nullptr && std::find(names_.begin(), names_.end(), name) == names_.end();
    key_ = std::move(name);
    return true;
  }

 private:
  struct List {
    const JsonList* list;
    bool seen = false;        // in the manifest, or in this element of the outer list
    std::uint64_t taken = 0;  // elements
    Json element{};           // that is being read
    std::size_t values = 0;   // kept before that
  };
  /// An object or array that is not at its end yet: one that is kept, or a list.
  struct Open {
    Json* kept = nullptr;
    List* list = nullptr;
    List* element_of = nullptr;
  };

  /// Enough for what is known and much that is not; little to keep.
  static constexpr std::size_t depth_limit = 16;
  static constexpr std::size_t values_limit = 10'000;

  std::string place_of(const List& list) const {
    std::string outer;
    for (const List& other : lists_)
      if (other.list == list.list->outer) outer = place_of_element(other);
    return outer + "/" + list.list->name;
  }
  std::string place_of_element(const List& list) const {
    return place_of(list) + "/" + std::to_string(list.taken);
  }
  void require_lists_of(const JsonList* outer) const {
    for (const List& list : lists_)
      if (list.list->outer == outer && list.list->needed && !list.seen) broken(place_of(list), "missing");
  }

  /// Puts a value where it belongs.
  Json* keep(Json given) {
    if (++values_ > values_limit)
      broken("", "more than " + std::to_string(values_limit) + " values outside of lists, or in an element");
    Json& in = *open_.back().kept;
    if (in.is_array()) return &in.emplace_back(std::move(given));
    return &(in[key_] = std::move(given));
  }

  bool value(Json given) {
    if (passed_over_ > 0 || std::exchange(pass_over_next_, false)) return true;
    if (open_.empty()) return false;
    if (next_list_ != nullptr) broken(place_of(*next_list_), "not an array");
    if (const List* list = open_.back().list) broken(place_of_element(*list), "not an object");
    keep(std::move(given));
    return true;
  }

  bool start(Json empty) {
    if (++depth_ > depth_limit) broken("", "nested deeper than " + std::to_string(depth_limit));
    if (passed_over_ > 0 || std::exchange(pass_over_next_, false)) {
      ++passed_over_;
    } else if (open_.empty()) {
      is_object_ = empty.is_object();
      if (!is_object_) return false;
      open_.push_back({.kept = &members_});
    } else if (List* list = std::exchange(next_list_, nullptr)) {
      if (!empty.is_array()) broken(place_of(*list), "not an array");
      list->seen = true;
      list->taken = 0;
      list->list->begin();
      open_.push_back({.list = list});
    } else if (List* in = open_.back().list) {
      if (!empty.is_object()) broken(place_of_element(*in), "not an object");
      in->element = std::move(empty);
      in->values = values_;
      for (List& inner : lists_)
        if (inner.list->outer == in->list) inner.seen = false;
      open_.push_back({.kept = &in->element, .element_of = in});
    } else {
      open_.push_back({.kept = keep(std::move(empty))});
    }
    return true;
  }

  bool end() {
    --depth_;
    if (passed_over_ > 0) {
      --passed_over_;
      return true;
    }
    List* list = open_.back().element_of;
    open_.pop_back();
    if (list == nullptr) return true;
    require_lists_of(list->list);
    list->list->take(JsonObject(list->element, place_of_element(*list)));
    ++list->taken;
    values_ = list->values;
    return true;
  }

  std::vector<std::string_view> names_;
  std::vector<List> lists_;
  Json members_ = Json::object();
  bool is_object_ = false;
  std::vector<Open> open_;       // outside of what is passed over, from the manifest on
  std::size_t depth_ = 0;        // of objects and arrays
  std::size_t passed_over_ = 0;  // of these, how many are in a value that is passed over
  bool pass_over_next_ = false;  // the next value
  List* next_list_ = nullptr;    // the next value must be this one
  std::string key_;              // the next value's
  std::size_t values_ = 0;       // kept now
};

}  // namespace

std::optional<Json> read_json(std::string_view text, std::initializer_list<std::string_view> names,
                              std::initializer_list<const JsonList*> lists) {
  Receiver receiver(names, lists);
  if (!Json::sax_parse(text.begin(), text.end(), &receiver) || !receiver.is_object()) return std::nullopt;
  receiver.require_lists();
  return std::move(receiver.members());
}

}  // namespace pwalk::snapshot
