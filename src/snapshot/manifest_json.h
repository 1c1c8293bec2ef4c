// The JSON of a manifest, read within bounds, whoever wrote it: what is not known costs nothing, lists are
// taken element by element, and what is kept at a time is little. Each getter names the place of what is
// missing or out of range.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "snapshot/manifest.h"
#include "snapshot/rules.h"

namespace pwalk::snapshot {

using Json = nlohmann::json;

/// FormatError of the manifest; `place` is fit for a terminal.
[[noreturn]] void broken_manifest(const std::string& place, const char* rule, const std::string& detail);

/// One JSON object of the manifest and where it stands.
class JsonObject {
 public:
  JsonObject(const Json& json, std::string place);

  const Json& member(const char* name) const;
  bool has(const char* name) const { return json_.contains(name); }
  std::string place(const char* name) const { return place_ + "/" + name; }

  std::uint64_t number(const char* name,
                       std::uint64_t limit = std::numeric_limits<std::uint64_t>::max()) const;
  template <class Number>
  void get(const char* name, Number& out) const {
    out = static_cast<Number>(number(name, std::numeric_limits<Number>::max()));
  }
  void get(const char* name, bool& out) const;
  /// A percent-encoded string, decoded.
  void get(const char* name, std::string& out) const;
  void get(const char* name, Timestamp& out) const;
  const Json& object(const char* name) const;

  static std::string text(const Json& value, const std::string& place);

 private:
  const Json& json_;
  std::string place_;
};

/// An array of objects, which are taken one by one while the text is read.
struct JsonList {
  std::string name;
  std::function<void()> begin;                  // of several lists of one name the last counts
  std::function<void(const JsonObject&)> take;  // the next element, once what is in it was taken
  bool needed = true;                           // false: may be missing
  const JsonList* outer = nullptr;              // of whose elements it is a member; nullptr: the manifest's
};

/// Reads a JSON object. Of its members, those in `names` are returned, those in `lists` are taken from there,
/// others are passed over; of several of one name the last counts. Nothing where `text` is no JSON object.
/// FormatError M4 for lists that are missing or none, and what is beyond the limits of pwalk-snapshot(5).
std::optional<Json> read_json(std::string_view text, std::initializer_list<std::string_view> names,
                              std::initializer_list<const JsonList*> lists);

}  // namespace pwalk::snapshot
