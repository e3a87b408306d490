/** What the server says in English, in Korean: what to do about problems, why somebody may or may not do something, and how messages and connections ended. */
export const said: Record<string, string> = {
  'Many clients connect at once. If they are yours, raise this limit of the listener.':
    '많은 클라이언트가 한꺼번에 접속하고 있습니다. 직접 운영하는 클라이언트라면 리스너의 이 한도를 올리세요.',
  'As many connections are open as may be. Raise global_max_connections, or find out who holds them on the page of clients.':
    '연결 수가 한도에 도달했습니다. global_max_connections를 올리거나 클라이언트 페이지에서 누가 연결되어 있는지 확인하세요.',
  'As many clients are connected to the listener as may be. Raise its max_connections.':
    '리스너의 연결 수가 한도에 도달했습니다. 리스너의 max_connections를 올리세요.',
  'The server uses as much memory as it may. Raise memory_limit, or look for large queues on the page of clients.':
    '서버의 메모리 사용량이 한도에 도달했습니다. memory_limit를 올리거나 클라이언트 페이지에서 큰 대기열을 찾아보세요.',
  'Logins from this address failed before. Correct the name or the password; waiting a few seconds is enough.':
    '이 주소에서 이전에 로그인이 실패했습니다. 이름이나 비밀번호를 고치세요. 몇 초만 기다리면 다시 시도할 수 있습니다.',
  'User name or password are wrong or missing. Look at password_file, or at allow_anonymous if clients give no name.':
    '사용자 이름이나 비밀번호가 틀렸거나 없습니다. password_file을, 이름을 보내지 않는 클라이언트라면 allow_anonymous를 확인하세요.',
  'User name or password are wrong. They are those of MQTT on the console\'s listener: look at password_file.':
    '사용자 이름이나 비밀번호가 틀렸습니다. 콘솔 리스너의 MQTT와 같은 것입니다. password_file을 확인하세요.',
  'The client speaks a version of MQTT that accept_protocol_versions of its listener leaves out.':
    '클라이언트의 MQTT 버전이 리스너의 accept_protocol_versions에 없습니다.',
  'The client identifier is empty or not allowed: see allow_zero_length_clientid and clientid_prefixes.':
    '클라이언트 ID가 비어 있거나 허용되지 않습니다. allow_zero_length_clientid와 clientid_prefixes를 확인하세요.',
  'Encryption could not be agreed upon. Compare the client\'s certificate with cafile and crlfile of the listener.':
    '암호화를 협의하지 못했습니다. 클라이언트의 인증서를 리스너의 cafile, crlfile과 비교하세요.',
  'What came is no connection that MQTT allows. Check that the client speaks what the listener does: MQTT, TLS or WebSocket.':
    'MQTT에서 허용하는 연결이 아닙니다. 클라이언트가 리스너와 같은 방식(MQTT, TLS, WebSocket)을 쓰는지 확인하세요.',
  'The rights do not grant it. Add a line for this user and topic to acl_file, or correct the topic.':
    '권한이 없습니다. acl_file에 이 사용자와 토픽의 줄을 추가하거나 토픽을 고치세요.',
  'There are as many retained messages as may be. Delete some, or raise max_retained_messages or max_retained_bytes.':
    '보존 메시지 수가 한도에 도달했습니다. 일부를 삭제하거나 max_retained_messages 또는 max_retained_bytes를 올리세요.',
  'The client has as many subscriptions as it may. Raise max_subscriptions, or use wildcards.':
    '클라이언트의 구독 수가 한도에 도달했습니다. max_subscriptions를 올리거나 와일드카드를 사용하세요.',
  'There is no room on the disk, or persistence_max_bytes is reached. Make room, or raise the limit.':
    '디스크에 공간이 없거나 persistence_max_bytes에 도달했습니다. 공간을 확보하거나 한도를 올리세요.',
  'The client uses packet identifiers again before their exchange has ended. Its library has a fault.':
    '클라이언트가 교환이 끝나지 않은 패킷 ID를 다시 사용합니다. 라이브러리의 결함입니다.',
  'The message is larger than message_size_limit allows.': '메시지가 message_size_limit의 한도를 넘습니다.',
  'The client is away, or slower than what it subscribed to. Raise max_queued_messages, or have it subscribe to less.':
    '클라이언트가 자리에 없거나 구독한 양을 따라가지 못합니다. max_queued_messages를 올리거나 구독을 줄이세요.',
  'The client reads more slowly than messages come. QoS 1 lets them wait; otherwise have it subscribe to less.':
    '클라이언트가 메시지가 오는 속도보다 느리게 읽습니다. QoS 1이면 기다립니다. 아니면 구독을 줄이세요.',
  'The client said that it takes no packets of this size. Publish smaller messages, or raise what the client says.':
    '클라이언트가 이 크기의 패킷은 받지 않겠다고 했습니다. 더 작은 메시지를 발행하거나 클라이언트의 설정을 올리세요.',
  'The message waited longer than its publisher wanted it to live.': '메시지가 발행자가 정한 유효 시간보다 오래 기다렸습니다.',
  'No member of the share group is there or has room. Add members, or raise their receive maximum.':
    '공유 그룹에 접속해 있고 여유가 있는 구성원이 없습니다. 구성원을 늘리거나 Receive Maximum을 올리세요.',
  'A member of the share group lacks the right to read what the group gets. Correct acl_file.':
    '공유 그룹의 구성원에게 그룹이 받는 메시지를 읽을 권한이 없습니다. acl_file을 고치세요.',
  'The client said nothing for one and a half times its keep alive: it lost its network, or it does not send pings.':
    '클라이언트가 Keep Alive의 1.5배 동안 아무것도 보내지 않았습니다. 네트워크가 끊겼거나 PINGREQ를 보내지 않습니다.',
  'Two clients use the same client identifier, or one came back before its old connection was noticed to be gone. Give each its own.':
    '두 클라이언트가 같은 클라이언트 ID를 쓰거나, 이전 연결이 끊긴 것이 확인되기 전에 다시 접속했습니다. 각자 다른 ID를 쓰게 하세요.',
  'Its login or its rights do not count any more since the files were read again.':
    '파일을 다시 읽은 뒤로 로그인이나 권한이 더 이상 유효하지 않습니다.',
  'The client sent more than max_packet_size allows.': '클라이언트가 max_packet_size의 한도보다 큰 패킷을 보냈습니다.',
  'The client sent what is no MQTT. Its library has a fault, or something else speaks there.':
    '클라이언트가 MQTT가 아닌 것을 보냈습니다. 라이브러리의 결함이거나 다른 프로그램의 연결입니다.',
  'The client broke a rule of MQTT. Its library has a fault.': '클라이언트가 MQTT의 규칙을 어겼습니다. 라이브러리의 결함입니다.',
  'The client went without a word (DISCONNECT): it crashed, lost its network, or was stopped.':
    '클라이언트가 DISCONNECT 없이 끊었습니다. 비정상 종료, 네트워크 단절, 또는 강제 종료입니다.',
  'The network between broke the connection.': '중간의 네트워크가 연결을 끊었습니다.',
  'Something connected and said nothing: a port scanner, a health check, or a client that speaks TLS where there is none.':
    '접속한 뒤 아무것도 보내지 않았습니다. 포트 스캐너, 상태 검사, 또는 TLS가 아닌 포트에 TLS로 접속한 클라이언트입니다.',
  'The client sends more than max_client_messages_per_second or max_client_bytes_per_second allow.':
    '클라이언트가 max_client_messages_per_second 또는 max_client_bytes_per_second의 한도보다 많이 보냅니다.',

  'Allowed: there is no ACL file.': '허용: ACL 파일이 없습니다.',
  'Allowed: each message is asked about when it is delivered.':
    '허용: 메시지마다 전달할 때 판정합니다.',
  'Allowed by line {n}.': '{n}행에 따라 허용됩니다.',
  'Denied by line {n}.': '{n}행에 따라 거부됩니다.',
  'Denied: the file has patterns, and the User Name has a wildcard in it.':
    '거부: 파일에 pattern이 있고, 사용자 이름에 와일드카드가 들어 있습니다.',
  'Denied: the file has patterns, and the Client Identifier has a wildcard in it.':
    '거부: 파일에 pattern이 있고, 클라이언트 ID에 와일드카드가 들어 있습니다.',
  'Denied: no rule of the User matches, and no pattern.':
    '거부: 이 사용자의 규칙에도 pattern에도 일치하는 것이 없습니다.',
  'Denied: the file does not name the User, and no pattern matches.':
    '거부: 파일에 이 사용자가 없고, 일치하는 pattern도 없습니다.',
  'Denied: no rule for Clients without User Name matches, and no pattern.':
    '거부: 사용자 이름이 없는 클라이언트의 규칙에도 pattern에도 일치하는 것이 없습니다.',
  'What tokens and web services grant counts beside it when somebody logs in.':
    '토큰과 웹 서비스가 주는 권한은 로그인할 때 여기에 더해집니다.',
  'Topics of the server itself cannot be published to.':
    '서버 자체의 토픽에는 발행할 수 없습니다.',
  'User Name or Client Identifier has a \'+\', \'#\' or \'/\' in it, and so is granted nothing.':
    '사용자 이름 또는 클라이언트 ID에 \'+\', \'#\', \'/\' 중 하나가 들어 있어 아무것도 허용되지 않습니다.',

  'queue full': '대기열이 가득 참',
  'the client does not read': '클라이언트가 읽지 않음',
  'larger than the client\'s maximum packet size': '클라이언트의 최대 패킷 크기 초과',
  'expired while waiting': '대기 중 만료',
  'no member of the share group has room': '공유 그룹에 여유 있는 구성원이 없음',
  'the member of the share group may not read it': '공유 그룹의 구성원에게 읽을 권한이 없음',
  'for the reasons told before': '앞서 알린 이유',
  'not authorised': '권한 없음',
  'login to the console': '콘솔 로그인',
  'connection closed by client': '클라이언트가 연결을 끊음',
  'the client said goodbye': '클라이언트가 정상적으로 나감',
  'the page was closed': '페이지가 닫힘',
  'no CONNECT came in time': 'CONNECT가 제때 오지 않음',
  'exceeded timeout': '시간 초과',
  'session taken over': '세션 인계',
  'server shutting down': '서버 종료',
  'administrative action': '관리자의 조치',
  'protocol error': '프로토콜 오류',
  'malformed packet': '잘못된 패킷',
  'oversize packet': '너무 큰 패킷',
  'quota exceeded': '한도 초과',
  'told in the log': '로그에 기록됨',
  'Connection refused': '연결이 거부됨',
  'Packet Identifier in use': '사용 중인 패킷 ID',
};
