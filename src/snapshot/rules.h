// The rules of pwalk-snapshot(5) by number: every FormatError carries one of these. A lint keeps this
// list and the page in step.
// SPDX-License-Identifier: MIT
#pragma once

namespace pwalk::snapshot::rule {

// The manifest
inline constexpr char manifest_hash[] = "M1";      // its last member is the XXH3 of all bytes before it
inline constexpr char manifest_version[] = "M2";   // format and version are known
inline constexpr char manifest_features[] = "M3";  // no unknown incompatible feature
inline constexpr char manifest_members[] = "M4";   // members are there, of their type, range and size
inline constexpr char manifest_shards[] = "M5";    // shards follow one another; each file listed once
inline constexpr char manifest_totals[] = "M6";    // totals, owners, error and excluded counts are the tree's
inline constexpr char manifest_devices[] = "M7";   // inode ranges of the devices are the tree's
inline constexpr char manifest_directory[] = "M8";  // the snapshot's directory holds what is listed, no more

// Array files
inline constexpr char file_length[] = "F1";    // exactly as long as its header says
inline constexpr char file_header[] = "F2";    // magic, version, array, record size, shard, reserved zeros
inline constexpr char file_uuid[] = "F3";      // the manifest's uuid
inline constexpr char file_features[] = "F4";  // no unknown incompatible feature
inline constexpr char file_counts[] = "F5";    // the manifest's counts
inline constexpr char file_hash[] = "F6";      // header and table hashes are the manifest's
inline constexpr char block_hash[] = "F7";     // a block has its hash
inline constexpr char file_padding[] = "F8";   // what is not used is zero
inline constexpr char file_readable[] = "F9";  // the storage gives the bytes

// Names
inline constexpr char name_terminated[] = "N1";  // ends within the names
inline constexpr char name_not_empty[] = "N2";   // empty only for the root
inline constexpr char name_no_slash[] = "N3";
inline constexpr char name_not_dots[] = "N4";  // not . or ..
inline constexpr char names_sorted[] = "N5";   // strictly increasing among siblings
inline constexpr char names_used[] = "N6";     // names and targets fill the array in entry order

// Attributes, entries and wide records
inline constexpr char attributes_index[] = "A1";
inline constexpr char attributes_type[] = "A2";
inline constexpr char attributes_flags[] = "A3";
inline constexpr char attributes_device[] = "A4";
inline constexpr char attributes_no_stat[] = "A5";  // without stat, all else is zero
inline constexpr char entry_index[] = "E1";
inline constexpr char entry_directory[] = "E2";  // a directory's entry and record name each other
inline constexpr char entry_wide[] = "E3";
inline constexpr char entry_root[] = "E4";    // entry 0 of shard 0
inline constexpr char entry_parent[] = "E5";  // every entry is the child of exactly one directory

// Directories
inline constexpr char directory_index[] = "D1";
inline constexpr char directory_state[] = "D2";
inline constexpr char directory_children[] = "D3";
inline constexpr char directory_subdirectories[] = "D4";
inline constexpr char directory_parent[] = "D5";  // parent and depth
inline constexpr char directory_acl[] = "D6";
inline constexpr char directory_flags[] = "D7";
inline constexpr char directory_unread[] = "D8";  // not listed: no children
inline constexpr char directory_reserved[] = "D9";
inline constexpr char acl_records[] = "D10";  // ACL records fill their array

// What is derived
inline constexpr char totals[] = "T1";
inline constexpr char totals_excess[] = "T2";
inline constexpr char totals_access[] = "T3";
inline constexpr char totals_fingerprint[] = "T4";

// Errors
inline constexpr char error_entry[] = "R1";
inline constexpr char error_call[] = "R2";
inline constexpr char error_fits[] = "R3";  // the call fits the entry

}  // namespace pwalk::snapshot::rule
