import './base.css';
import './charts.css';
import './card.css';
import './jobpage.css';
