;; Unmasks in place (RFC 6455 §5.3): each byte is XORed with its byte of the masking key.
;; A vector holds sixteen bytes; four vectors per iteration keep the load and store ports busy.
(module
  (import "codec" "receiveBuffer" (memory 1))

  ;; Unmasks the bytes from `at` to `end` of the receive buffer. The lowest byte of the key applies to the byte at `at`.
  ;; Returns 0 if the result is ASCII, which needs no UTF-8 check.
  (func (export "unmask") (param $at i32) (param $end i32) (param $key i32) (result i32)
    (local $keys v128) (local $seen v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $rest i32)

    (local.set $keys (i32x4.splat (local.get $key)))

    (block $no_turns
      (loop $turn
        (br_if $no_turns (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 64)))
        (local.set $a (v128.xor (v128.load offset=0 align=1 (local.get $at)) (local.get $keys)))
        (local.set $b (v128.xor (v128.load offset=16 align=1 (local.get $at)) (local.get $keys)))
        (local.set $c (v128.xor (v128.load offset=32 align=1 (local.get $at)) (local.get $keys)))
        (local.set $d (v128.xor (v128.load offset=48 align=1 (local.get $at)) (local.get $keys)))
        (v128.store offset=0 align=1 (local.get $at) (local.get $a))
        (v128.store offset=16 align=1 (local.get $at) (local.get $b))
        (v128.store offset=32 align=1 (local.get $at) (local.get $c))
        (v128.store offset=48 align=1 (local.get $at) (local.get $d))
        (local.set $seen (v128.or (local.get $seen)
          (v128.or (v128.or (local.get $a) (local.get $b)) (v128.or (local.get $c) (local.get $d)))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $turn)))

    (block $no_vectors
      (loop $vector
        (br_if $no_vectors (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 16)))
        (local.set $a (v128.xor (v128.load align=1 (local.get $at)) (local.get $keys)))
        (v128.store align=1 (local.get $at) (local.get $a))
        (local.set $seen (v128.or (local.get $seen) (local.get $a)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $vector)))

    ;; Fewer than sixteen bytes are left: one at a time.
    (block $no_bytes
      (loop $byte
        (br_if $no_bytes (i32.ge_u (local.get $at) (local.get $end)))
        (i32.store8 (local.get $at) (i32.xor (i32.load8_u (local.get $at)) (local.get $key)))
        (local.set $rest (i32.or (local.get $rest) (i32.load8_u (local.get $at))))
        (local.set $key (i32.rotr (local.get $key) (i32.const 8)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $byte)))

    ;; Return the highest bit of each byte.
    (i32.or (i8x16.bitmask (local.get $seen)) (i32.and (local.get $rest) (i32.const 0x80)))))
